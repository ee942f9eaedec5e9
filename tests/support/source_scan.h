// SourceScan: just enough reading of C++ for tests/tidy_test.cc. It is a scanner for formatted
// code, not a parser: it never needs to understand a template to find the end of a function.
//
// Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

// The text with comments and the insides of literals blanked out, line breaks kept, and the set of
// lines that a raw string covers: those are data, which no formatter can wrap.
struct Code {
  std::string text;
  std::set<size_t> raw_lines;
};
Code code_of(std::string_view text);

// Whether `word` stands in `line` as a whole word.
bool has_word(std::string_view line, std::string_view word);

// A function or a struct: where it starts, how many lines it has and how many fields.
struct CodeBlock {
  enum class Kind { Function, Type };
  Kind kind = Kind::Function;
  size_t line = 0;
  size_t lines = 0;
  size_t fields = 0;
};

// All functions and types of blanked code, in the order in which they end. A lambda belongs to the
// function around it.
std::vector<CodeBlock> blocks_of(const std::string& code);

}  // namespace picket
