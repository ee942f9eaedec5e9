#include "rules/text_match.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace picket {
namespace {

uint64_t load8(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

size_t character_bytes(char lead) {
  auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xC0) return 1;
  return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

void fold_into(std::string_view text, char* out) {
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = fold8(load8(text.data() + at));
    std::memcpy(out + at, &word, sizeof(word));
  }
  for (; at < text.size(); ++at) out[at] = folded(text[at]);
}

std::string folded(std::string_view text) {
  std::string result(text.size(), '\0');
  fold_into(text, result.data());
  return result;
}

bool equals_folded(std::string_view text, std::string_view pattern) {
  if (text.size() != pattern.size()) return false;
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    if (fold8(load8(text.data() + at)) != load8(pattern.data() + at)) return false;
  }
  for (; at < text.size(); ++at) {
    if (folded(text[at]) != pattern[at]) return false;
  }
  return true;
}

size_t find_folded(std::string_view text, std::string_view pattern, size_t from) {
  if (pattern.empty()) return from <= text.size() ? from : text.npos;
  if (pattern.size() > text.size()) return text.npos;
  const size_t last = text.size() - pattern.size();
  const char lower = pattern[0];
  const bool letter = lower >= 'a' && lower <= 'z';
  const char upper = letter ? static_cast<char>(lower - 32) : lower;
  for (size_t at = from; at <= last; ++at) {
    // Jump to the next place where the first byte fits, in either case.
    const char* start = text.data() + at;
    size_t room = last - at + 1;
    const void* hit = std::memchr(start, lower, room);
    if (letter) {
      size_t span = hit ? static_cast<size_t>(static_cast<const char*>(hit) - start) : room;
      if (const void* other = std::memchr(start, upper, span)) hit = other;
    }
    if (!hit) return text.npos;
    at = static_cast<size_t>(static_cast<const char*>(hit) - text.data());
    if (equals_folded(text.substr(at, pattern.size()), pattern)) return at;
  }
  return text.npos;
}

namespace {

bool same(std::string_view text, std::string_view pattern, bool cased) {
  return cased ? text == pattern : equals_folded(text, pattern);
}

// Matches parts[first..last) exactly at the start of `text`; returns the bytes used or npos.
size_t match_run(std::string_view text, const std::vector<PatternPart>& parts, size_t first,
                 size_t last, bool cased) {
  size_t at = 0;
  for (size_t i = first; i < last; ++i) {
    if (parts[i].kind == PatternPart::Kind::One) {
      if (at >= text.size()) return text.npos;
      at += std::min(character_bytes(text[at]), text.size() - at);
      continue;
    }
    const std::string& want = parts[i].text;
    if (text.size() - at < want.size() || !same(text.substr(at, want.size()), want, cased)) {
      return text.npos;
    }
    at += want.size();
  }
  return at;
}

size_t run_end(const std::vector<PatternPart>& parts, size_t first) {
  while (first < parts.size() && parts[first].kind != PatternPart::Kind::Many) ++first;
  return first;
}

}  // namespace

bool glob_match(std::string_view text, const std::vector<PatternPart>& parts, bool cased) {
  size_t end = run_end(parts, 0);
  size_t used = match_run(text, parts, 0, end, cased);
  if (used == text.npos) return false;
  if (end == parts.size()) return used == text.size();
  text.remove_prefix(used);
  while (end < parts.size()) {
    size_t first = end + 1;
    end = run_end(parts, first);
    if (first == end) continue;  // trailing or doubled '*'
    bool last = end == parts.size();
    bool found = false;
    for (size_t at = 0; at <= text.size(); ++at) {
      if (parts[first].kind == PatternPart::Kind::Text) {
        at = cased ? text.find(parts[first].text, at) : find_folded(text, parts[first].text, at);
        if (at == text.npos) return false;
      } else if (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) {
        continue;  // '?' is a whole character, never the rest of one
      }
      size_t length = match_run(text.substr(at), parts, first, end, cased);
      if (length == text.npos || (last && at + length != text.size())) continue;
      text.remove_prefix(at + length);
      found = true;
      break;
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace picket
