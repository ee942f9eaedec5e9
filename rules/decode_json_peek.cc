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
#include <bit>
#include <cstdint>
#include <cstring>

// Builds with the address sanitizer take the portable way, so that the tests see both.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
// The highest bit of each byte.
[[gnu::target("avx2")]] uint64_t bits(__m256i bytes) {
  return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(bytes))};
}
#endif

// The end of a key in front of its closing quote, for comparison with a block of text.
class KeyEnd {
 public:
  static constexpr size_t kStride = 64;
  // In kStride bytes of text: where the last two bytes of the key and a backslash start, one bit
  // each, and whether a backslash escapes something else than a quote.
  struct Places {
    uint64_t hits = 0;
    bool other_escapes = false;
  };

  // REQUIRES: key.size() >= 2.
  explicit KeyEnd(std::string_view key)
      : first_(static_cast<uint8_t>(key[key.size() - 2])),
        second_(static_cast<uint8_t>(key[key.size() - 1])) {}

  // The first stride from `stride` on in which there is anything, or the end. REQUIRES: kStride + 2
  // bytes behind `size` are readable.
  size_t next(const char* text, size_t stride, size_t size, Places& places) const {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
    static const bool wide = __builtin_cpu_supports("avx2") != 0;
    if (wide) return next_wide(text, stride, size, places);
#endif
    for (; stride < size; stride += kStride) {
      if (find(text + stride, places)) return stride;
    }
    return size;
  }

 private:
  bool find(const char* at, Places& places) const {
    const Bytes first = Bytes{} + first_;
    const Bytes second = Bytes{} + second_;
    constexpr Bytes kBackslash = Bytes{} + static_cast<uint8_t>('\\');
    constexpr Bytes kQuote = Bytes{} + static_cast<uint8_t>('"');
    using Found = decltype(first == second);
    Found other{};
    Found hit{};
    for (size_t block = 0; block < kStride; block += kBlock) {
      const Bytes next = load(at + block + 1);
      other |= (load(at + block) == kBackslash) & (next != kQuote);
      hit |= (load(at + block) == first) & (next == second) & (load(at + block + 2) == kBackslash);
    }
    places = {};
    if (!any(other | hit)) return false;
    places.other_escapes = any(other);
    for (size_t i = 0; i < kStride; ++i) {
      const bool here = static_cast<uint8_t>(at[i]) == first_ &&
                        static_cast<uint8_t>(at[i + 1]) == second_ && at[i + 2] == '\\';
      places.hits |= uint64_t{here} << i;
    }
    return true;
  }

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
  [[gnu::target("avx2")]] size_t next_wide(const char* text, size_t stride, size_t size,
                                           Places& places) const {
    const __m256i first = _mm256_set1_epi8(static_cast<char>(first_));
    const __m256i second = _mm256_set1_epi8(static_cast<char>(second_));
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i quote = _mm256_set1_epi8('"');
    for (; stride < size; stride += kStride) {
      __m256i hits[2];
      __m256i others[2];
      for (size_t half = 0; half < 2; ++half) {
        const auto* at = reinterpret_cast<const __m256i*>(text + stride + 32 * half);
        const auto* after = reinterpret_cast<const __m256i*>(text + stride + 32 * half + 1);
        const auto* last = reinterpret_cast<const __m256i*>(text + stride + 32 * half + 2);
        const __m256i here = _mm256_loadu_si256(at);
        const __m256i next = _mm256_loadu_si256(after);
        const __m256i end = _mm256_cmpeq_epi8(_mm256_loadu_si256(last), backslash);
        hits[half] = _mm256_and_si256(
            _mm256_and_si256(_mm256_cmpeq_epi8(here, first), _mm256_cmpeq_epi8(next, second)), end);
        others[half] =
            _mm256_andnot_si256(_mm256_cmpeq_epi8(next, quote), _mm256_cmpeq_epi8(here, backslash));
      }
      const __m256i other = _mm256_or_si256(others[0], others[1]);
      const __m256i found = _mm256_or_si256(_mm256_or_si256(hits[0], hits[1]), other);
      if (_mm256_testz_si256(found, found) != 0) continue;
      places = {.hits = bits(hits[0]) | bits(hits[1]) << 32,
                .other_escapes = _mm256_testz_si256(other, other) == 0};
      return stride;
    }
    return size;
  }
#endif

  uint8_t first_;
  uint8_t second_;
};

// REQUIRES: text.size() + 2 + KeyEnd::kStride bytes are readable. What lies behind the text may ask
// for decoding without need, no more.
bool may_follow(std::string_view text, std::string_view key, FieldResolver::TextTest wanted,
                const void* state) {
  const KeyEnd key_end(key);
  KeyEnd::Places places;
  size_t stride = key_end.next(text.data(), 0, text.size(), places);
  while (stride < text.size()) {
    if (places.other_escapes) return true;
    for (; places.hits != 0; places.hits &= places.hits - 1) {
      const size_t end = stride + static_cast<size_t>(std::countr_zero(places.hits)) + 2;
      if (end >= text.size()) break;
      if (!text.substr(0, end).ends_with(key)) continue;
      if (wanted_value(text.substr(end), wanted, state)) return true;
    }
    stride = key_end.next(text.data(), stride + KeyEnd::kStride, text.size(), places);
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
