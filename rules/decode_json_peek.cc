// Looks for the value of a key in a JSON text inside a string, as written, without decoding it.
//
// Most answers of an API are successes, and rules that ask "is data.code one of EXPIRED, DISABLED,
// ..." would have each of them indexed and walked to learn "no". But a value can only be there if
// its key is, so it is enough to look at what follows every occurrence of the key. That may find a
// value that decoding would not (of another object, of a broken text), which only costs the
// decoding; it never misses one. The method serves texts whose only escapes are \": any other
// escape could spell the key or the value differently, and the question stays open.
//
// Example: for the key `code` and the text {\"data\":{\"code\":\"VALID\"}}, the only occurrence of
// `code\` is followed by VALID, which is none of those wanted. Tested by decode_json_test.cc.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "rules/decode_json_impl.h"

namespace picket {
namespace {

// Sixteen bytes at once, in whatever registers the machine has for that.
using Bytes [[gnu::vector_size(16)]] = uint8_t;
constexpr size_t kBlock = sizeof(Bytes);

Bytes load(const char* at) {
  Bytes bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  return bytes;
}

template <class Vector>
bool any(Vector bytes) {
  uint64_t words[2];
  std::memcpy(words, &bytes, sizeof(words));
  return (words[0] | words[1]) != 0;
}

// True when what follows a key, from its closing quote's backslash on, may be a wanted value.
bool wanted_value(std::string_view rest, FieldResolver::TextTest wanted, const void* state) {
  auto skip_blanks = [&rest] {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
  };
  rest.remove_prefix(std::min<size_t>(2, rest.size()));
  skip_blanks();
  if (!rest.starts_with(':')) return false;  // a value that ends like the key
  rest.remove_prefix(1);
  skip_blanks();
  if (rest.starts_with('[')) return true;
  const bool quoted = rest.starts_with('\\');
  if (quoted) rest.remove_prefix(std::min<size_t>(2, rest.size()));
  return wanted(state, rest.substr(0, rest.find_first_of(quoted ? "\\" : ",}] ")));
}

// The end of a key in front of its closing quote, for comparison with a block of text.
class KeyEnd {
 public:
  // REQUIRES: key.size() >= 2.
  explicit KeyEnd(std::string_view key)
      : first_(Bytes{} + static_cast<uint8_t>(key[key.size() - 2])),
        second_(Bytes{} + static_cast<uint8_t>(key[key.size() - 1])) {}

  // Not zero where the last two bytes of the key and a backslash start.
  auto hits(const char* at) const {
    return (load(at) == first_) & (load(at + 1) == second_) & (load(at + 2) == kBackslash);
  }
  // Not zero where a backslash escapes something else than a quote.
  static auto other_escapes(const char* at) {
    return (load(at) == kBackslash) & (load(at + 1) != kQuote);
  }

 private:
  static constexpr Bytes kBackslash = Bytes{} + static_cast<uint8_t>('\\');
  static constexpr Bytes kQuote = Bytes{} + static_cast<uint8_t>('"');
  Bytes first_;
  Bytes second_;
};

// REQUIRES: text.size() + 2 + kStride bytes are readable. What lies behind the text may ask for
// decoding without need, no more.
bool may_follow(std::string_view text, std::string_view key, FieldResolver::TextTest wanted,
                const void* state) {
  constexpr size_t kStride = 4 * kBlock;  // one branch for so many bytes
  const KeyEnd key_end(key);
  for (size_t stride = 0; stride < text.size(); stride += kStride) {
    const char* at = text.data() + stride;
    auto other = KeyEnd::other_escapes(at);
    auto hit = key_end.hits(at);
    for (size_t block = kBlock; block < kStride; block += kBlock) {
      other |= KeyEnd::other_escapes(at + block);
      hit |= key_end.hits(at + block);
    }
    if (!any(other | hit)) continue;
    if (any(other)) return true;
    for (size_t end = stride + 2; end < stride + 2 + kStride && end < text.size(); ++end) {
      if (text[end] != '\\' || !text.substr(0, end).ends_with(key)) continue;
      if (wanted_value(text.substr(end), wanted, state)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<InnerKey> inner_keys(const DecodePlan& plan, const FieldPlan& field) {
  std::vector<InnerKey> keys;
  for (const Alternative& alternative : field.alternatives) {
    Alternative bare = alternative;
    bare.inner = -1;
    if (alternative.inner < 0 || !bare.plain()) return {};
    const InnerDocument& inner = plan.inners[static_cast<size_t>(alternative.inner)];
    for (size_t node = 0; node < inner.tree.size(); ++node) {
      for (const auto& [key, child] : inner.tree.node(static_cast<int32_t>(node)).children) {
        if (inner.tree.node(child).slot != alternative.slot) continue;
        if (key.size() < 2) return {};
        const auto same = [&, &name = key](const InnerKey& known) {
          return known.inner == alternative.inner && known.key == name;
        };
        if (std::any_of(keys.begin(), keys.end(), same)) continue;
        keys.push_back({alternative.inner, inner.base, key});
      }
    }
  }
  return keys;
}

bool Decoder::Impl::may_hold(FieldId field, TextTest wanted, const void* state) {
  const std::vector<InnerKey>& keys = current_.state->inner_keys[field];
  for (const InnerKey& key : keys) {
    const Value& base = slots_[static_cast<size_t>(key.base)];
    if (base.epoch != event_.epoch()) continue;
    const auto inner = static_cast<size_t>(key.inner);
    const bool decoded = inner_.plan == current_.plan && inner < inner_.epochs.size() &&
                         inner_.epochs[inner] == event_.epoch();
    if (decoded || base.kind != ValueKind::RawString) return true;
    if (may_follow(base.text(), key.key, wanted, state)) return true;
  }
  return keys.empty();
}

}  // namespace picket
