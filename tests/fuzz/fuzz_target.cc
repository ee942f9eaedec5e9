#include "tests/fuzz/fuzz_target.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace picket {
namespace {

// What `picket check` would print: the caret must survive any text as well.
void render_all(const Diagnostics& diagnostics, std::string_view text) {
  for (const Diagnostic& diagnostic : diagnostics) {
    fuzz_expect(!render(diagnostic, text).empty(), "a problem without a message");
  }
}

}  // namespace

void fuzz_expect(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

Schema fuzz_schema() {
  Schema schema;
  schema.name = "t";
  schema.recognise = {{"t"}};
  schema.time = {{.path = "t"}};
  schema.actor = {{"user.id"}};
  schema.fields = {{"user.id", {{.source = {.path = "who"}}}}};
  return schema;
}

std::shared_ptr<const RuleSet> fuzz_rules(std::string text) {
  const std::string copy = text;
  Result<YamlFile> file = parse_yaml(std::move(text), "rules.yml");
  if (!file) {
    render_all(file.error(), copy);
    return nullptr;
  }
  const Placeholders placeholders = {{"one", {"1"}}, {"two", {"a", "b*"}}};
  RuleDocuments documents;
  read_rules(*std::move(file), placeholders, documents);
  auto rules = RuleSet::make(std::move(documents), {fuzz_schema()});
  fuzz_expect(rules.has_value(), "a sound schema was refused");
  render_all((*rules)->rejected(), copy);
  return *std::move(rules);
}

}  // namespace picket
