#include "rules/key_order.h"

#include <xxhash.h>

#include <algorithm>

#include "rules/unescape.h"

namespace picket {

std::string_view written_key(const char* key) {
  const char* end = key;
  while (*end != '"') end += *end == '\\' ? 2 : 1;
  return {key, static_cast<size_t>(end - key)};
}

void KeyOrder::expect(uint32_t& cursor, uint32_t next) {
  uint32_t(&expected)[2] = known_[cursor].next;
  expected[1] = expected[0];
  expected[0] = next;
  cursor = next;
}

int32_t KeyOrder::find_elsewhere(const PathTree& tree, int32_t node, const char* key,
                                 uint32_t& cursor) {
  const std::string_view written = written_key(key);
  const uint64_t hash = XXH3_64bits(written.data(), written.size());
  if (auto it = by_hash_.find(hash); it != by_hash_.end() && known_[it->second].is(key)) {
    expect(cursor, it->second);
    return known_[it->second].node;
  }
  std::string_view name = written.substr(0, written.size() - std::min(tail_, written.size()));
  std::string plain;
  if (name.find('\\') != name.npos) plain = unescaped(name);
  const int32_t found = tree.step(node, plain.empty() ? name : std::string_view(plain));
  if (known_.size() >= kKnownMax || written.size() > kKeyMax) return found;
  const auto index = static_cast<uint32_t>(known_.size());
  Known& known = known_.emplace_back();
  known.text.assign(written).push_back('"');
  known.node = found;
  known.rest = static_cast<uint32_t>(known.text.size() - std::min<size_t>(known.text.size(), 16));
  const size_t head = std::min<size_t>(known.text.size(), 16);
  unsigned char ones[16] = {};
  std::fill_n(ones, head, static_cast<unsigned char>(0xFF));
  std::memcpy(known.word, known.text.data(), head);
  std::memcpy(known.mask, ones, sizeof(ones));
  by_hash_.emplace(hash, index);
  expect(cursor, index);
  return found;
}

}  // namespace picket
