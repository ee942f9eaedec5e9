// KeyOrder: which node of a PathTree a key of a JSON object leads to, by prediction.
//
// Machines write the same keys in the same order, line after line. So for each key the two that
// followed it last are remembered, and the key at hand is compared with those: two masked 64-bit
// compares instead of finding the key's end, hashing and probing. A key that was not expected is
// looked up by its hash, then in the tree, and learned. On api_requests rows the expected key is
// right for every key after the first line; where several kinds of records take turns, for all but
// those at which they part.
//
// Reference for the idea: simdjson's own documentation advises reading fields in document order.
// Bounds: kKnownMax remembered keys per object, none longer than kKeyMax; others are looked up in
// the tree each time.
// Thread rule: one owner (a decoder). Tested by decode_json_test.cc.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "rules/decode_plan.h"

namespace picket {

class KeyOrder {
 public:
  // `tail` bytes before the closing quote of every key are not part of it (see JsonWalk::blanked).
  explicit KeyOrder(size_t tail = 0) : tail_(tail) {}

  // `key` points behind the opening quote of a key as written; at least 16 bytes are readable
  // there, and 64 behind its closing quote.
  // `cursor` is the caller's place in the order, 0 at the start of each object.
  int32_t find(const PathTree& tree, int32_t node, const char* key, uint32_t& cursor) {
    for (uint32_t next : known_[cursor].next) {
      if (next == 0 || !known_[next].is(key)) continue;
      cursor = next;
      return known_[next].node;
    }
    return find_elsewhere(tree, node, key, cursor);
  }

 private:
  static constexpr size_t kKnownMax = 1024;
  // A comparison that got past the first 16 bytes, in a key that is at least so long, ends within
  // the padding behind it.
  static constexpr size_t kKeyMax = 64;

  // What find() touches comes first, to share a cache line.
  struct Known {
    uint64_t word[2] = {0, 0};
    uint64_t mask[2] = {0, 0};
    uint32_t next[2] = {0, 0};  // what followed it last; 0: nothing yet
    int32_t node = kNoNode;
    uint32_t rest = 0;  // bytes of `text` behind the first 16
    std::string text;   // the key and its closing quote, as written

    bool is(const char* key) const {
      uint64_t words[2];
      std::memcpy(words, key, sizeof(words));
      if (((words[0] ^ word[0]) & mask[0]) | ((words[1] ^ word[1]) & mask[1])) return false;
      return rest == 0 || std::memcmp(key + 16, text.data() + 16, rest) == 0;
    }
  };

  int32_t find_elsewhere(const PathTree& tree, int32_t node, const char* key, uint32_t& cursor);
  void expect(uint32_t& cursor, uint32_t next);

  size_t tail_;
  std::vector<Known> known_ = std::vector<Known>(1);  // the first stands for the object's start
  boost::unordered_flat_map<uint64_t, uint32_t> by_hash_;  // of the key as written
};

// The bytes of a key as written, from behind its opening quote up to its closing one.
std::string_view written_key(const char* key);

}  // namespace picket
