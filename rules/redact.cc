// One pass that looks closer only where a secret may begin or have its middle: at '_', at a blank
// and at a dot. Expressions would cost more than all else that is done for a hit.
#include "rules/redact.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace picket {
namespace {

constexpr std::string_view kInstead = "[redacted]";
constexpr size_t kShortest = 12;  // "pst_" and eight characters

struct KeyPrefix {
  std::string_view prefix;
  size_t least;  // characters behind the '_'
  size_t shown;
};
constexpr KeyPrefix kPrefixes[] = {{"unkey", 16, 4}, {"pst", 8, 0}, {"pat", 8, 0}};
constexpr size_t kBearerLeast = 16;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_base64url(char c) { return is_alnum(c) || c == '-' || c == '_'; }
bool is_jwt(char c) { return is_base64url(c) || c == '.'; }
bool is_token(char c) { return is_jwt(c) || c == '~' || c == '+' || c == '/' || c == '='; }

struct Span {
  size_t first;
  size_t last;
};

// The end of the run of characters from `at` on.
size_t run_end(std::string_view text, size_t at, bool (*is_part)(char)) {
  while (at < text.size() && is_part(text[at])) ++at;
  return at;
}

std::optional<Span> key_at(std::string_view text, size_t underscore) {
  const std::string_view before = text.substr(0, underscore);
  for (const KeyPrefix& key : kPrefixes) {
    if (!before.ends_with(key.prefix)) continue;
    const size_t start = underscore - key.prefix.size();
    if (start > 0 && is_alnum(text[start - 1])) continue;
    const size_t first = underscore + 1;
    const size_t last = run_end(text, first, is_alnum);
    if (last - first >= key.least) return Span{first + key.shown, last};
  }
  return std::nullopt;
}

// A digit is asked for because words may follow as well ("bearer authentication").
std::optional<Span> bearer_at(std::string_view text, size_t blank) {
  const std::string_view before = text.substr(0, blank);
  if (!before.ends_with("earer")) return std::nullopt;
  const size_t last = run_end(text, blank + 1, is_token);
  const std::string_view token = text.substr(blank + 1, last - blank - 1);
  if (token.size() < kBearerLeast || std::ranges::none_of(token, is_digit)) return std::nullopt;
  return Span{blank + 1, last};
}

// The dot between the first two parts of a JSON web token, both of which begin an object.
std::optional<Span> web_token_at(std::string_view text, size_t dot, size_t from) {
  if (!text.substr(dot + 1).starts_with("eyJ")) return std::nullopt;
  size_t first = dot;
  while (first > from && is_base64url(text[first - 1])) --first;
  if (!text.substr(first).starts_with("eyJ")) return std::nullopt;
  return Span{first, run_end(text, dot, is_jwt)};
}

std::optional<Span> secret_at(std::string_view text, size_t at, size_t from) {
  switch (text[at]) {
    case '_':
      return key_at(text, at);
    case ' ':
      return bearer_at(text, at);
    case '.':
      return web_token_at(text, at, from);
    default:
      return std::nullopt;
  }
}

// Several bytes at once, in whatever registers the machine has for that.
using Wide [[gnu::vector_size(16)]] = uint8_t;
using Narrow [[gnu::vector_size(8)]] = uint8_t;

template <class Bytes>
Bytes load(const char* at) {
  Bytes bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  return bytes;
}

// Places with what may be a secret's: a '_' behind the last letter of a prefix, a blank behind that
// of "bearer", a dot in front of the second part of a web token.
template <class Bytes>
auto suspects(const char* at) {
  const auto before = load<Bytes>(at - 1);
  const auto here = load<Bytes>(at);
  const auto behind = load<Bytes>(at + 1);
  return ((here == '_') & ((before == 'y') | (before == 't'))) | ((here == ' ') & (before == 'r')) |
         ((here == '.') & (behind == 'e'));
}

// False when secret_at() finds nothing anywhere. REQUIRES: the text has sizeof(Bytes) + 2 bytes.
template <class Bytes>
bool may_hold_secret(std::string_view text) {
  const size_t last = text.size() - 1 - sizeof(Bytes);  // the last block that may begin
  auto found = suspects<Bytes>(text.data() + last);
  for (size_t at = 1; at < last; at += sizeof(Bytes)) found |= suspects<Bytes>(text.data() + at);
  uint64_t words[sizeof(Bytes) / 8];
  std::memcpy(words, &found, sizeof(words));
  return std::ranges::any_of(words, [](uint64_t word) { return word != 0; });
}

bool may_hold_secret(std::string_view text) {
  if (text.size() < sizeof(Wide) + 2) return may_hold_secret<Narrow>(text);
  return may_hold_secret<Wide>(text);
}

}  // namespace

size_t redact(std::string_view text, std::string& out) {
  if (text.size() < kShortest || !may_hold_secret(text)) return 0;
  size_t found = 0;
  size_t copied = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const std::optional<Span> secret = secret_at(text, at, copied);
    if (!secret) continue;
    if (found++ == 0) out.clear();
    out.append(text.substr(copied, secret->first - copied)).append(kInstead);
    copied = secret->last;
    at = secret->last - 1;
  }
  if (found > 0) out.append(text.substr(copied));
  return found;
}

}  // namespace picket
