// A recursive-descent parser, one function per line of the grammar in parse_condition.h.
//
// Tested by tests/rules/parse_condition_test.cc, against an evaluator that knows no precedence.
#include "rules/parse_condition.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "rules/read_match.h"

namespace picket {
namespace {

struct Token {
  std::string_view text;  // empty at the end
  size_t at = 0;          // offset in the condition
};

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kWordEnd = " \t\r\n()|";

std::vector<Token> split_tokens(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = text.find_first_not_of(kSpace);
  while (at != std::string_view::npos) {
    const bool single = std::string_view("()|").find(text[at]) != std::string_view::npos;
    const size_t end = single ? at + 1 : std::min(text.find_first_of(kWordEnd, at), text.size());
    tokens.push_back({text.substr(at, end - at), at});
    at = text.find_first_not_of(kSpace, end);
  }
  tokens.push_back({"", text.size()});
  return tokens;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

// True when `name` fits `glob`, in which '*' stands for any run of characters.
bool fits(std::string_view glob, std::string_view name) {
  size_t star = std::string_view::npos;
  size_t retry = 0;
  size_t g = 0;
  size_t n = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      retry = n;
    } else if (g < glob.size() && glob[g] == name[n]) {
      ++g;
      ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++retry;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

size_t count_leaves(const MatchTree& tree) {
  if (tree.kind == MatchTree::Kind::Leaf) return 1;
  size_t leaves = 1;
  for (const MatchTree& child : tree.children) leaves += count_leaves(child);
  return leaves;
}

class ConditionParser {
 public:
  ConditionParser(const Node& text, std::vector<Selection>& selections, ReadContext& context)
      : node_(text),
        selections_(selections),
        context_(context),
        tokens_(split_tokens(text.text())) {}

  MatchTree parse() {
    if (peek().text.empty()) fail(peek(), "the condition is empty");
    MatchTree tree = parse_or();
    if (failed_ || peek().text.empty()) return tree;
    if (peek().text == "|" && next_ + 1 < tokens_.size() &&
        same_word(tokens_[next_ + 1].text, "near")) {
      fail(peek(), "'| near' left Sigma with version 2",
           "write a rule with 'correlation: {type: temporal, ...}' that refers to this one");
    } else if (peek().text == "|") {
      fail(peek(), "aggregations in a condition ('| count() ...') left Sigma with version 2",
           "write a rule with 'correlation:' that refers to this one");
    } else if (peek().text == ")") {
      fail(peek(), "this ')' closes nothing");
    } else {
      fail(peek(), fmt::format("expected 'and' or 'or' before '{}'", peek().text));
    }
    return tree;
  }

 private:
  using Kind = MatchTree::Kind;

  const Token& peek() const { return tokens_[next_]; }

  bool is(std::string_view word) const {
    return same_word(peek().text, word) && find(peek().text) == nullptr;
  }

  bool accept(std::string_view word) {
    if (failed_ || !is(word)) return false;
    ++next_;
    return true;
  }

  // Only the first problem of a condition is reported: what follows it is guesswork.
  void fail(const Token& at, std::string message, std::string hint = {}) {
    if (failed_) return;
    failed_ = true;
    Location where = node_.where();
    // Of a text over several lines only the beginning is known.
    const bool one_line = node_.text().find('\n') == std::string::npos;
    if (one_line) where.column += static_cast<uint32_t>(at.at + (node_.quoted() ? 1 : 0));
    context_.error(std::move(where), std::move(message), std::move(hint));
  }

  MatchTree parse_or() {
    std::vector<MatchTree> terms;
    do {
      terms.push_back(parse_and());
    } while (accept("or"));
    return combine(Kind::Or, std::move(terms));
  }

  MatchTree parse_and() {
    std::vector<MatchTree> factors;
    do {
      factors.push_back(parse_factor());
    } while (accept("and"));
    return combine(Kind::And, std::move(factors));
  }

  MatchTree parse_factor() {
    if (failed_) return {};
    if (depth_ >= kConditionDepthMax) {
      fail(peek(), fmt::format("nested deeper than {} levels", kConditionDepthMax));
      return {};
    }
    ++depth_;
    MatchTree tree = parse_nested();
    --depth_;
    return tree;
  }

  MatchTree parse_nested() {
    if (accept("not")) return negate(parse_factor());
    const Token open = peek();
    if (accept("(")) {
      MatchTree tree = parse_or();
      if (!failed_ && !accept(")")) fail(open, "this '(' is not closed");
      return tree;
    }
    if (next_ + 1 < tokens_.size() && same_word(tokens_[next_ + 1].text, "of")) {
      return parse_quantity();
    }
    return parse_name();
  }

  Selection* find(std::string_view name) const {
    for (Selection& selection : selections_) {
      if (selection.key->text() == name) return &selection;
    }
    return nullptr;
  }

  std::string suggest(std::string_view name) const {
    std::vector<std::string> known;
    for (const Selection& selection : selections_) known.push_back(selection.key->text());
    return did_you_mean(name, known);
  }

  MatchTree parse_name() {
    const Token token = peek();
    if (token.text.empty() || token.text == ")" || token.text == "|" || is("and") || is("or") ||
        is("of") || is("them")) {
      fail(token, token.text.empty()
                      ? "the condition ends where a selection name belongs"
                      : fmt::format("expected a selection name before '{}'", token.text));
      return {};
    }
    ++next_;
    if (Selection* selection = find(token.text)) return use(*selection, token);
    const bool glob = token.text.find('*') != std::string_view::npos;
    fail(token, fmt::format("there is no selection '{}'", token.text),
         glob ? fmt::format("write '1 of {0}' or 'all of {0}'", token.text) : suggest(token.text));
    return {};
  }

  MatchTree use(Selection& selection, const Token& at) {
    selection.used = true;
    leaves_ += count_leaves(selection.tree);
    if (leaves_ > kConditionLeavesMax) {
      fail(at, "the condition unfolds to too many tests");
      return {};
    }
    MatchTree tree = selection.tree;
    tree.label = selection.key->text();
    return tree;
  }

  // "all of x*", "1 of them", "2 of x*".
  MatchTree parse_quantity() {
    const Token quantity = peek();
    next_ += 2;
    const Token names = peek();
    if (names.text.empty() || std::string_view("()|").find(names.text) != std::string_view::npos) {
      fail(names, "'of' needs 'them' or a name with '*'");
      return {};
    }
    ++next_;
    std::vector<MatchTree> trees;
    const bool them = same_word(names.text, "them") && find(names.text) == nullptr;
    for (Selection& selection : selections_) {
      const std::string& name = selection.key->text();
      const bool hidden = name.starts_with('_') && (them || !names.text.starts_with('_'));
      if (!hidden && (them || fits(names.text, name))) trees.push_back(use(selection, names));
    }
    if (trees.empty()) {
      fail(names, fmt::format("no selection matches '{}'", names.text), suggest(names.text));
      return {};
    }
    if (same_word(quantity.text, "all")) return combine(Kind::And, std::move(trees));
    if (same_word(quantity.text, "any")) return combine(Kind::Or, std::move(trees));
    return at_least(quantity, std::move(trees));
  }

  MatchTree at_least(const Token& quantity, std::vector<MatchTree> trees) {
    size_t wanted = 0;
    const char* last = quantity.text.data() + quantity.text.size();
    const auto [end, error] = std::from_chars(quantity.text.data(), last, wanted);
    if (error != std::errc() || end != last || wanted == 0) {
      fail(quantity,
           fmt::format("expected 'all', 'any' or a number before 'of', found '{}'", quantity.text));
    } else if (wanted > trees.size()) {
      fail(quantity, fmt::format("{} of {} selections can never hold", wanted, trees.size()));
    } else if (wanted == 1) {
      return combine(Kind::Or, std::move(trees));
    } else if (wanted == trees.size()) {
      return combine(Kind::And, std::move(trees));
    } else {
      return choose(quantity, trees, wanted);
    }
    return {};
  }

  // "At least k of n" as an OR over all choices of k. The number of choices is bounded.
  MatchTree choose(const Token& at, const std::vector<MatchTree>& trees, size_t wanted) {
    constexpr size_t kChoicesMax = 1000;
    std::vector<bool> taken(trees.size(), false);
    std::fill_n(taken.begin(), wanted, true);
    std::vector<MatchTree> choices;
    do {
      std::vector<MatchTree> chosen;
      for (size_t i = 0; i < trees.size(); ++i) {
        if (taken[i]) chosen.push_back(trees[i]);
      }
      choices.push_back(combine(Kind::And, std::move(chosen)));
      leaves_ += count_leaves(choices.back());
      if (choices.size() > kChoicesMax || leaves_ > kConditionLeavesMax) {
        fail(at, fmt::format("{} of {} selections unfold to too many tests", wanted, trees.size()));
        return {};
      }
    } while (std::prev_permutation(taken.begin(), taken.end()));
    return combine(Kind::Or, std::move(choices));
  }

  const Node& node_;
  std::vector<Selection>& selections_;
  ReadContext& context_;
  const std::vector<Token> tokens_;
  size_t next_ = 0;
  size_t depth_ = 0;
  size_t leaves_ = 0;
  bool failed_ = false;
};

}  // namespace

MatchTree parse_condition(const Node& condition, std::vector<Selection>& selections,
                          ReadContext& context) {
  if (condition.is_scalar()) return ConditionParser(condition, selections, context).parse();
  if (!condition.is_sequence() || condition.items().empty()) {
    context.error(condition, "a condition must be a text or a list of texts");
    return {};
  }
  std::vector<MatchTree> trees;
  for (const Node& item : condition.items()) {
    if (!item.is_scalar()) {
      context.error(item, "a condition must be a text");
      continue;
    }
    trees.push_back(ConditionParser(item, selections, context).parse());
  }
  return combine(MatchTree::Kind::Or, std::move(trees));
}

}  // namespace picket
