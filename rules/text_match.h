// Text comparison without case, the way rules mean it: ASCII letters fold, other bytes compare.
//
// Patterns are folded once when rules are compiled, so only the event's side is folded at run time,
// eight bytes at a time.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/match_tree.h"

namespace picket {

// Folds eight bytes at once: for each byte in 'A'..'Z', sets bit 5.
inline uint64_t fold8(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  uint64_t low = word & (0x7F * kOnes);
  uint64_t above_z = low + (0x7F - 'Z') * kOnes;  // high bit: byte > 'Z'
  uint64_t from_a = low + (0x80 - 'A') * kOnes;   // high bit: byte >= 'A'
  uint64_t upper = (from_a ^ above_z) & ~word & (0x80 * kOnes);
  return word | (upper >> 2);
}

inline char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
// `text` with ASCII letters folded, into `out` (room for text.size() bytes).
void fold_into(std::string_view text, char* out);
std::string folded(std::string_view text);

// True when `text`, folded, is `pattern`. REQUIRES: pattern is folded.
bool equals_folded(std::string_view text, std::string_view pattern);

// Where `pattern` (folded) first occurs in `text`, folded; npos if nowhere.
size_t find_folded(std::string_view text, std::string_view pattern, size_t from = 0);

// Matches a whole text against parts with '*' and '?' (one byte or one UTF-8 character each).
// Linear in the text for each part: after a Many, the leftmost occurrence of the next text is
// always the right one, so there is no backtracking over earlier parts. With `cased` false the
// texts of `parts` must be folded.
bool glob_match(std::string_view text, const std::vector<PatternPart>& parts, bool cased);

}  // namespace picket
