// One pass that looks closer only where a secret may begin or have its middle: at '_', at a blank
// and at a dot. Expressions would cost more than all else that is done for a hit.
#include "rules/redact.h"

#include <algorithm>
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

}  // namespace

size_t redact(std::string_view text, std::string& out) {
  if (text.size() < kShortest) return 0;
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
