// Rules and log lines from one input, through the decoder and the compiled matcher.
//
// The input is a rule file, then a line "%%", then log lines. For rules and lines that the naive
// reference covers, both must agree; everything else must merely not crash.
#include <simdjson.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "rules/processor.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/reference/naive_match.h"

namespace picket {
namespace {

namespace ondemand = simdjson::ondemand;

// Turns a line into what the reference matches on. False when it is not JSON, or says one key
// twice: what that means is the decoder's own affair.
bool to_naive(ondemand::value value, NaiveValue& out) {
  ondemand::json_type type;
  if (value.type().get(type)) return false;
  switch (type) {
    case ondemand::json_type::null:
      return true;
    case ondemand::json_type::boolean: {
      bool flag = false;
      if (value.get_bool().get(flag)) return false;
      out = {.kind = NaiveValue::Kind::Bool, .text = flag ? "true" : "false"};
      return true;
    }
    case ondemand::json_type::number: {
      std::string_view raw = value.raw_json_token();
      raw = raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
      out = {.kind = NaiveValue::Kind::Number, .text = std::string(raw)};
      return true;
    }
    case ondemand::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text)) return false;
      out = {.kind = NaiveValue::Kind::String, .text = std::string(text)};
      return true;
    }
    case ondemand::json_type::array: {
      ondemand::array items;
      if (value.get_array().get(items)) return false;
      out.kind = NaiveValue::Kind::Array;
      for (auto item : items) {
        ondemand::value inner;
        if (std::move(item).get(inner) || !to_naive(inner, out.items.emplace_back())) return false;
      }
      return true;
    }
    case ondemand::json_type::object: {
      ondemand::object members;
      if (value.get_object().get(members)) return false;
      out.kind = NaiveValue::Kind::Object;
      for (auto member : members) {
        ondemand::field field;
        std::string_view key;
        if (std::move(member).get(field) || field.unescaped_key().get(key)) return false;
        auto [at, fresh] = out.members.try_emplace(std::string(key));
        if (!fresh || !to_naive(field.value(), at->second)) return false;
      }
      return true;
    }
  }
  return false;
}

bool parse_line(std::string_view line, NaiveEvent& event) {
  simdjson::padded_string padded(line);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::value root;
  if (parser.iterate(padded).get(document) || document.get_value().get(root)) return false;
  return to_naive(root, event.record) && event.record.kind == NaiveValue::Kind::Object;
}

// What the reference can judge, and in bearable time: its globs try every split.
bool is_covered(const MatchTree& tree) {
  if (tree.kind != MatchTree::Kind::Leaf) {
    return std::all_of(tree.children.begin(), tree.children.end(), is_covered);
  }
  const Predicate& p = tree.leaf;
  const bool op = p.op == MatchOp::Pattern || p.op == MatchOp::Null || p.op == MatchOp::Bool ||
                  p.op == MatchOp::Exists || p.op == MatchOp::Number;
  // The schema renames this one field.
  return op && !p.field.empty() && p.field != "user.id" && p.date_part == DatePart::None &&
         p.pattern.size() <= 7;
}

class Comparison final : public EventObserver {
 public:
  Comparison(const RuleSet& rules, const std::string& line) : rules_(rules), line_(line) {}

  void on_event(Event& /*event*/, const Refusal* /*refusal*/,
                const std::vector<RuleId>& detections) override {
    // More than one event in a line is an envelope.
    if (++events_ > 1) return;
    NaiveEvent event;
    if (!parse_line(line_, event)) return;
    const auto& specs = rules_.documents().detections;
    for (size_t i = 0; i < specs.size(); ++i) {
      const RuleHead& head = specs[i].head;
      if (head.picket.classify || !head.picket.exceptions.empty()) continue;
      if (!specs[i].logsource.product.empty() || !is_covered(specs[i].condition)) continue;
      const bool found = std::find(detections.begin(), detections.end(), i) != detections.end();
      const bool expected = naive_match(specs[i].condition, event);
      if (found != expected) {
        fuzz_expect(false, "the matcher and the reference differ on\n" + line_ + "\n" +
                               dump(specs[i].condition));
      }
    }
  }

 private:
  const RuleSet& rules_;
  const std::string& line_;
  size_t events_ = 0;
};

void run_line(const std::shared_ptr<const RuleSet>& rules, const std::string& line) {
  Comparison comparison(*rules, line);
  Processor processor(rules, &comparison);
  LineBatch batch;
  batch.bytes = PaddedBytes(line);
  HitBatch hits;
  processor.process(std::move(batch), {.fixed_schema = 0}, hits);
}

}  // namespace
}  // namespace picket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  constexpr std::string_view kEnd = "\n%%\n";
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find(kEnd);
  if (end == std::string_view::npos) return 0;
  const auto rules = fuzz_rules(std::string(input.substr(0, end)));
  if (!rules) return 0;
  std::string_view lines = input.substr(end + kEnd.size());
  while (!lines.empty()) {
    const size_t line_end = std::min(lines.find('\n'), lines.size());
    run_line(rules, std::string(lines.substr(0, line_end)));
    lines.remove_prefix(std::min(line_end + 1, lines.size()));
  }
  return 0;
}
