#include "rules/key_order.h"

#include <algorithm>

#include "rules/unescape.h"

namespace picket {

std::string_view written_key(const char* key) {
  const char* end = key;
  while (*end != '"') end += *end == '\\' ? 2 : 1;
  return {key, static_cast<size_t>(end - key)};
}

int32_t KeyOrder::find_elsewhere(const PathTree& tree, int32_t node, const char* key,
                                 uint32_t& cursor) {
  for (size_t step = 1; step < known_.size(); ++step) {
    size_t at = (cursor + step) % known_.size();
    if (!known_[at].is(key)) continue;
    cursor = static_cast<uint32_t>(at + 1);
    return known_[at].node;
  }
  std::string_view written = written_key(key);
  std::string_view name = written.substr(0, written.size() - std::min(tail_, written.size()));
  std::string plain;
  if (name.find('\\') != name.npos) plain = unescaped(name);
  int32_t found = tree.step(node, plain.empty() ? name : std::string_view(plain));
  if (known_.size() >= kKnownMax || written.size() > kKeyMax) return found;
  Known known;
  known.text.assign(written).push_back('"');
  known.node = found;
  size_t head = std::min<size_t>(known.text.size(), 16);
  unsigned char ones[16] = {};
  std::fill_n(ones, head, static_cast<unsigned char>(0xFF));
  std::memcpy(known.word, known.text.data(), head);
  std::memcpy(known.mask, ones, sizeof(ones));
  // Insert where it was met, so that a key that is only sometimes there keeps its place.
  size_t place = std::min<size_t>(cursor, known_.size());
  known_.insert(known_.begin() + static_cast<ptrdiff_t>(place), std::move(known));
  cursor = static_cast<uint32_t>(place + 1);
  return found;
}

}  // namespace picket
