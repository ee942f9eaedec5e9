#include "tests/support/engine_run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/source_dir.h"

namespace picket {

namespace fs = std::filesystem;

const char kTestSchema[] = R"(
schema: test
logsource: {product: test}
recognise: [t]
time: {field: t, unit: ms}
actor: [who]
fields:
  who: who
  request.id: id
)";

namespace {

std::vector<fs::path> files_below(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string rendered(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += render(diagnostic) + "\n";
  return text;
}

Result<Schema> schema_of(std::string text, const std::string& name) {
  PICKET_TRY(YamlFile file, parse_yaml(std::move(text), name));
  return parse_schema(file);
}

}  // namespace

std::string read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<std::shared_ptr<const RuleSet>> try_rules(const std::string& rules,
                                                 const std::vector<std::string>& schemas) {
  std::vector<Schema> parsed;
  for (const std::string& text : schemas) {
    PICKET_TRY(Schema schema, schema_of(text, "schema.yaml"));
    parsed.push_back(std::move(schema));
  }
  PICKET_TRY(YamlFile file, parse_yaml(rules, "rules.yml"));
  RuleDocuments documents;
  documents.keep_nodes = true;  // messages shall have their places
  read_rules(std::move(file), {}, documents);
  return RuleSet::make(std::move(documents), std::move(parsed));
}

std::shared_ptr<const RuleSet> make_rules(const std::string& rules,
                                          const std::vector<std::string>& schemas) {
  auto made = try_rules(rules, schemas);
  if (!made) {
    ADD_FAILURE() << rendered(made.error());
    return nullptr;
  }
  EXPECT_EQ(rendered((*made)->rejected()), "");
  return *made;
}

std::vector<Schema> shipped_schemas() {
  std::vector<Schema> schemas;
  for (const fs::path& path : files_below(source_dir() + "/config/schemas", ".yaml")) {
    auto schema = schema_of(read_text_file(path.string()), path.filename().string());
    if (schema) {
      schemas.push_back(*std::move(schema));
    } else {
      ADD_FAILURE() << rendered(schema.error());
    }
  }
  return schemas;
}

std::shared_ptr<const RuleSet> shipped_rules() {
  RuleDocuments documents;
  for (const fs::path& path : files_below(source_dir() + "/rules/packs", ".yml")) {
    auto file = parse_yaml(read_text_file(path.string()), path.filename().string());
    if (file) {
      read_rules(*std::move(file), {}, documents);
    } else {
      ADD_FAILURE() << rendered(file.error());
    }
  }
  auto made = RuleSet::make(std::move(documents), shipped_schemas());
  if (!made) {
    ADD_FAILURE() << rendered(made.error());
    return nullptr;
  }
  EXPECT_EQ(rendered((*made)->rejected()), "");
  return *made;
}

std::string test_line(int64_t time, std::string_view e, std::string_view who,
                      std::string_view extra) {
  std::string line = "{\"t\":" + std::to_string(time) + ",\"e\":\"" + std::string(e) + "\"";
  if (!who.empty()) line += ",\"who\":\"" + std::string(who) + "\"";
  return line + std::string(extra) + "}\n";
}

EngineRun::EngineRun(std::shared_ptr<const RuleSet> rules, Options options)
    : engine(rules, {"source"}, options.engine), processor(rules), schema_(options.schema) {
  for (size_t i = 0; i < options.streams; ++i) engine.add_stream(0, options.lateness);
}

void EngineRun::lines(std::string_view text, StreamId stream, Timestamp now) {
  LineBatch batch;
  batch.stream = stream;
  batch.arrival = now;
  batch.bytes = PaddedBytes(text);
  processor.process(std::move(batch), {.fixed_schema = schema_}, hits);
  engine.process(hits, now, events);
}

void EngineRun::end_stream(StreamId stream) {
  LineBatch batch;
  batch.kind = BatchKind::EndOfStream;
  batch.stream = stream;
  processor.process(std::move(batch), {}, hits);
  engine.process(hits, timestamp_ms(0), events);
}

std::string_view to_text(AlertChange change) {
  switch (change) {
    case AlertChange::Opened:
      return "opened";
    case AlertChange::Updated:
      return "updated";
    case AlertChange::Escalated:
      return "escalated";
    case AlertChange::Resolved:
      return "resolved";
  }
  return "";
}

std::string to_text(const std::vector<AlertEvent>& events) {
  std::string text;
  for (const AlertEvent& event : events) {
    text.append(to_text(event.change)).append(" ").append(to_json(event.alert)).append("\n");
  }
  return text;
}

testing::AssertionResult same_lines(const std::string& found, const std::string& expected) {
  if (found == expected) return testing::AssertionSuccess();
  std::istringstream left(found);
  std::istringstream right(expected);
  std::string a;
  std::string b;
  for (size_t line = 1;; ++line) {
    bool more_left = static_cast<bool>(std::getline(left, a));
    bool more_right = static_cast<bool>(std::getline(right, b));
    if (more_left != more_right || a != b) {
      return testing::AssertionFailure()
             << "line " << line << "\n  found    " << (more_left ? a : "nothing") << "\n  expected "
             << (more_right ? b : "nothing");
    }
  }
}

std::string alerts_of(std::shared_ptr<const RuleSet> rules, const std::vector<std::string>& lines,
                      size_t per_batch, Duration lateness) {
  EngineRun run(std::move(rules), {.lateness = lateness});
  for (size_t first = 0; first < lines.size(); first += per_batch) {
    std::string text;
    for (size_t i = first; i < std::min(lines.size(), first + per_batch); ++i) text += lines[i];
    run.lines(text);
  }
  run.finish();
  return to_text(run.events);
}

}  // namespace picket
