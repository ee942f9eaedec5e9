#include "tests/support/decode_run.h"

#include <gtest/gtest.h>

#include <numeric>

#include "config/node.h"

namespace picket {

std::string shown(const Value& value) {
  static constexpr std::string_view kNames[] = {
      "absent", "null", "bool:", "number:", "string:", "array:", "object:", "raw:"};
  std::string text(kNames[static_cast<size_t>(value.kind)]);
  if (value.kind > ValueKind::Null) text.append(value.text());
  return text;
}

DecodeRun::DecodeRun(const std::vector<std::string>& schemas,
                     const std::vector<std::string>& fields)
    : wanted_(fields) {
  std::vector<Schema> parsed;
  for (const std::string& text : schemas) {
    auto file = parse_yaml(text, "schema.yaml");
    EXPECT_TRUE(file);
    auto schema = parse_schema(*file);
    EXPECT_TRUE(schema) << render(schema.error().front());
    parsed.push_back(*std::move(schema));
  }
  std::vector<FieldId> ids;
  for (const std::string& name : fields) ids.push_back(fields_.intern(name));
  std::vector<std::vector<FieldId>> wanted(schemas.size(), ids);
  plans_ = *compile_plans(std::move(parsed), fields_, wanted);
  decoder_ = std::make_unique<Decoder>(plans_, fields_.size());
}

DecodeError DecodeRun::line(std::string_view text, int schema) {
  PaddedBytes bytes(text);
  LineContext context{.line = bytes.view(),
                      .readable = bytes.capacity() + PaddedBytes::kPadding,
                      .fixed_schema = schema,
                      .arrival = arrival,
                      .future_limit = future_limit};
  return decoder_->decode(context, stats, *this);
}

std::string DecodeRun::field(std::string_view text, std::string_view name, int schema) {
  events.clear();
  DecodeError error = line(text, schema);
  if (error != DecodeError::None) return "dead:" + std::string(to_text(error));
  if (events.size() != 1) return std::to_string(events.size()) + " events";
  return events[0].fields.at(std::string(name));
}

void DecodeRun::on_event(Event& event) {
  SeenEvent seen{.schema = plans_.schemas[event.schema].name,
                 .raw = std::string(event.raw),
                 .time = event.time,
                 .timed = event.timed,
                 .record = event.record};
  for (const std::string& name : wanted_) {
    seen.fields[name] = shown(event.get(*fields_.find(name)));
  }
  events.push_back(std::move(seen));
}

}  // namespace picket
