// Any bytes as a condition over a handful of selections.
//
// What parses is parsed again inside parentheses and behind a "not", where it must mean the same
// and the opposite.
#include <vector>

#include <fmt/format.h>

#include "rules/parse_condition.h"
#include "rules/read_match.h"
#include "tests/fuzz/fuzz_target.h"

namespace picket {
namespace {

// A YAML text in double quotes, each byte escaped that could end it.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
    out += plain ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return out + "\"";
}

// The tree of `condition` as text, or nothing when it has a problem.
std::string parsed(std::string_view condition) {
  const std::string yaml =
      "condition: " + quoted(condition) +
      "\nnames: {a: 1, b: 1, sel_1: 1, sel_2: 1, sel_3: 1, _hidden: 1, not: 1, of: 1}\n";
  auto file = parse_yaml(yaml, "c.yml");
  fuzz_expect(file.has_value(), "a quoted text was not taken for one");
  const Node& root = file->documents.front();
  const Placeholders placeholders;
  ReadContext context{placeholders};
  std::vector<Selection> selections;
  for (const Node::Entry& entry : root.find("names")->entries()) {
    Selection selection{&entry.key};
    selection.tree.kind = MatchTree::Kind::Leaf;
    selection.tree.leaf.field = entry.key.text();
    selections.push_back(std::move(selection));
  }
  const MatchTree tree = parse_condition(*root.find("condition"), selections, context);
  for (const Diagnostic& problem : context.diagnostics) {
    fuzz_expect(!render(problem, yaml).empty(), "a problem without a message");
  }
  return has_errors(context.diagnostics) ? std::string() : dump(tree);
}

std::string indented(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 0 || text[i - 1] == '\n') out += "  ";
    out += text[i];
  }
  return out;
}

}  // namespace
}  // namespace picket

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  const std::string_view condition(reinterpret_cast<const char*>(data), size);
  const std::string tree = parsed(condition);
  if (tree.empty()) return 0;
  // Two levels more may be too many.
  const std::string inside = parsed("(" + std::string(condition) + ")");
  fuzz_expect(inside.empty() || inside == tree, "parentheses change the meaning");
  const std::string opposite = parsed("sel_1 and not (" + std::string(condition) + ")");
  fuzz_expect(opposite.empty() || opposite.ends_with(indented("not\n" + indented(tree))),
              "'not' in front is not the opposite");
  return 0;
}
