// Unescaping of JSON strings that simdjson refuses.
//
// simdjson reads every well-formed string. Honest logs also hold lone surrogates and stray
// backslashes; refusing those would make the whole field invisible to every rule, so this lenient
// reader stands in: a lone surrogate becomes U+FFFD, an unknown escape its own character.
//
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace picket {

// `written` is the text between the quotes.
std::string unescaped(std::string_view written);
// The same into `out`, which has room for 1.5 x written.size() + 1 bytes (a broken escape of two
// bytes becomes U+FFFD, which takes three); returns the bytes used.
size_t unescape_into(std::string_view written, char* out);

}  // namespace picket
