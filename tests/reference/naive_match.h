// WARNING: slow on purpose. Linked into tests only.
//
// The rule language read literally: one recursion over the MatchTree, one naive routine per test,
// no index, nothing known between events. The compiled matcher must agree with it on every rule and
// event.
//
// Thread rule: one thread per NaiveMatcher; the functions are pure.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule_spec.h"
#include "rules/types.h"
#include "tests/reference/naive_json.h"

namespace re2 {
class RE2;
}

namespace picket {

struct NaiveEvent {
  NaiveValue record = {.kind = NaiveValue::Kind::Object};
  Timestamp time{};
};

// The values that `name` stands for: where the schema maps it, else the literal key, else a path
// through nested objects, else the same below each of the schema's roots; the first of these that
// is not empty (null or ""), or else the first that is there at all. An array on the way gives the
// values of all its members; an array at the end stays one value. Empty: the field is absent. Of a
// schema only plain paths and roots are understood.
std::vector<const NaiveValue*> naive_fields(const NaiveValue& record, const std::string& name,
                                            const Schema* schema = nullptr);
// The first of them, or null.
const NaiveValue* naive_field(const NaiveEvent& event, const std::string& name);
// A JSON number, or a text that spells one.
std::optional<double> naive_number(const NaiveValue& value);
bool naive_glob(std::string_view text, const std::vector<PatternPart>& parts, bool cased);

// What may be kept from event to event: compiling regular expressions is what costs most.
struct NaiveContext {
  const Schema* schema = nullptr;
  std::map<std::string, std::shared_ptr<const re2::RE2>> regexes = {};
};

// Any number of conditions on one event; a field is looked up once.
class NaiveMatcher {
 public:
  // REQUIRES: both outlive the matcher.
  NaiveMatcher(const NaiveEvent& event, NaiveContext& context);
  bool matches(const MatchTree& tree);

 private:
  bool leaf(const Predicate& p);
  bool keyword(const Predicate& p);
  bool passes(const Predicate& p, const NaiveValue& value);
  bool regex_finds(const Predicate& p, const std::string& text);
  bool refers(const Predicate& p, const std::string& text);
  const std::vector<const NaiveValue*>& fields(const std::string& name);

  const NaiveEvent& event_;
  NaiveContext& context_;
  std::map<std::string, std::vector<const NaiveValue*>> fields_;
  std::vector<const NaiveValue*> texts_;  // all strings of the event
};

bool naive_match(const MatchTree& tree, const NaiveEvent& event);

}  // namespace picket
