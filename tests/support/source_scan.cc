#include "tests/support/source_scan.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace picket {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Blanker {
 public:
  explicit Blanker(std::string_view text) : text_(text) { code_.text.assign(text); }

  Code run() {
    while (at_ < text_.size()) {
      if (starts("//")) {
        blank_until("\n", false);
      } else if (starts("/*")) {
        blank_until("*/", true);
      } else if (starts("R\"") && (at_ == 0 || !is_word(text_[at_ - 1]))) {
        blank_raw();
      } else if (text_[at_] == '"' || (text_[at_] == '\'' && !(at_ && is_word(text_[at_ - 1])))) {
        blank_quoted(text_[at_]);
      } else {
        step();
      }
    }
    return std::move(code_);
  }

 private:
  bool starts(std::string_view word) const { return text_.substr(at_, word.size()) == word; }
  void step() { line_ += text_[at_++] == '\n' ? 1 : 0; }
  void blank() {
    if (text_[at_] != '\n') code_.text[at_] = ' ';
    step();
  }
  void blank_until(std::string_view end, bool inclusive) {
    const size_t found = std::min(text_.find(end, at_ + 1), text_.size());
    const size_t stop = std::min(found + (inclusive ? end.size() : 0), text_.size());
    while (at_ < stop) blank();
  }
  void blank_raw() {
    const size_t open = std::min(text_.find('(', at_), text_.size());
    const std::string close = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    const size_t stop = std::min(text_.find(close, open), text_.size() - close.size());
    while (at_ < stop + close.size()) {
      code_.raw_lines.insert(line_);
      blank();
    }
  }
  void blank_quoted(char quote) {
    step();
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) blank();
      blank();
    }
    if (at_ < text_.size()) step();
  }

  std::string_view text_;
  Code code_;
  size_t at_ = 0;
  size_t line_ = 1;
};

// What an open brace belongs to. Value is everything else: initialisers, blocks inside functions.
enum class BlockKind { Scope, Type, Function, Value };

struct Block {
  BlockKind kind = BlockKind::Value;
  size_t head_line = 0;
  size_t fields = 0;
};

// Follows braces through blanked code. Good enough for formatted code: a brace whose statement has
// a parameter list outside of any function opens a function.
class BlockScanner {
 public:
  explicit BlockScanner(const std::string& code) : code_(code) {}

  std::vector<CodeBlock> run() {
    bool directive = false;
    for (size_t i = 0; i < code_.size(); ++i) {
      const char c = code_[i];
      if (c == '#' && blank(head_)) directive = true;
      if (c == '\n') {
        if (directive && (i == 0 || code_[i - 1] != '\\')) directive = false;
        ++line_;
      }
      if (!directive) take(c);
    }
    return found_;
  }

 private:
  static bool blank(const std::string& text) {
    return text.find_first_not_of(" \n") == std::string::npos;
  }

  void take(char c) {
    if (c == '{') {
      open();
    } else if (c == '}') {
      close();
    } else if (c == ';') {
      if (!blank(head_)) end_statement();
      head_.clear();
    } else {
      if (blank(head_) && c != ' ' && c != '\n') head_line_ = line_;
      head_.push_back(c);
      if (c == ':' && is_access()) head_.clear();
    }
  }
  bool is_access() const {
    const size_t start = head_.find_first_not_of(" \n");
    const std::string_view word = std::string_view(head_).substr(start);
    return word == "public:" || word == "private:" || word == "protected:";
  }
  bool in_function() const {
    return std::any_of(blocks_.begin(), blocks_.end(),
                       [](const Block& block) { return block.kind == BlockKind::Function; });
  }
  bool in_value() const { return !blocks_.empty() && blocks_.back().kind == BlockKind::Value; }

  BlockKind kind_of_head() const {
    if (in_function() || in_value()) return BlockKind::Value;
    const bool parameters = head_.find('(') != std::string::npos;
    if (has_word(head_, "namespace") || (has_word(head_, "extern") && !parameters)) {
      return BlockKind::Scope;
    }
    const size_t assigned = head_.find(" = ");
    if (!parameters && assigned == std::string::npos) {
      if (has_word(head_, "enum")) return BlockKind::Value;
      for (const std::string_view word : {"class", "struct", "union"}) {
        if (has_word(head_, word)) return BlockKind::Type;
      }
    }
    const bool initialiser = assigned != std::string::npos && assigned < head_.find('(');
    return parameters && !initialiser ? BlockKind::Function : BlockKind::Value;
  }

  void open() {
    const BlockKind kind = kind_of_head();
    blocks_.push_back({kind, blank(head_) ? line_ : head_line_});
    // A value's statement goes on behind its brace; the others have begun a new one.
    if (kind != BlockKind::Value || in_function()) head_.clear();
  }
  void close() {
    if (blocks_.empty()) return;
    const Block block = blocks_.back();
    blocks_.pop_back();
    const bool function = block.kind == BlockKind::Function;
    if (function || block.kind == BlockKind::Type) {
      const auto kind = function ? CodeBlock::Kind::Function : CodeBlock::Kind::Type;
      found_.push_back({kind, block.head_line, line_ - block.head_line + 1, block.fields});
    }
    if (block.kind != BlockKind::Value || in_function()) head_.clear();
  }
  // Counts a field, when the innermost block is a type and the statement declares one.
  void end_statement() {
    if (blocks_.empty() || blocks_.back().kind != BlockKind::Type) return;
    for (const std::string_view word : {"using", "typedef", "friend", "static", "enum", "operator",
                                        "static_assert", "template", "delete", "default"}) {
      if (has_word(head_, word)) return;
    }
    const bool forward = (has_word(head_, "class") || has_word(head_, "struct")) &&
                         head_.find('=') == std::string::npos;
    const size_t parameters = head_.find('(');
    const size_t value = std::min(head_.find('='), head_.find('<'));
    if (!forward && (parameters == std::string::npos || value < parameters))
      ++blocks_.back().fields;
  }

  const std::string& code_;
  size_t line_ = 1;
  size_t head_line_ = 1;
  std::string head_;
  std::vector<Block> blocks_;
  std::vector<CodeBlock> found_;
};

}  // namespace

Code code_of(std::string_view text) { return Blanker(text).run(); }

bool has_word(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != line.npos; at = line.find(word, at + 1)) {
    const bool starts = at == 0 || !is_word(line[at - 1]);
    const size_t end = at + word.size();
    if (starts && (end == line.size() || !is_word(line[end]))) return true;
  }
  return false;
}

std::vector<CodeBlock> blocks_of(const std::string& code) { return BlockScanner(code).run(); }

}  // namespace picket
