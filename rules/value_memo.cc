#include "rules/value_memo.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "rules/bit_filter.h"
#include "rules/event.h"

namespace picket {

ValueMemo::Key::Key(uint16_t of, const Value& value)
    : text(value.text()), field(of), kind(value.kind) {
  const auto place = static_cast<uint64_t>(of) << 8 | static_cast<uint64_t>(value.kind);
  hash = XXH3_64bits(value.data, value.size) ^ mixed(place);
}

ValueMemo::Found ValueMemo::find(const Key& key) const {
  if (!entries_) return {};
  const size_t at = set_of(key);
  const Set& set = sets_[at];
  for (size_t way = 0; way < set.used; ++way) {
    if (set.hashes[way] != key.hash) continue;
    const Entry& entry = entries_[at * kWays + way];
    const bool same = entry.field == key.field && entry.kind == key.kind &&
                      entry.size == key.text.size() &&
                      std::memcmp(entry.text.data(), key.text.data(), entry.size) == 0;
    if (same) return {true, {entry.facts.data(), entry.facts_count}};
  }
  return {};
}

bool ValueMemo::is_wanted(const Key& key) {
  if (sets_.empty()) sets_.resize(kSets);
  Set& set = sets_[set_of(key)];
  const bool again = set.missed == key.hash;
  set.missed = key.hash;
  return again;
}

void ValueMemo::keep(const Key& key, std::span<const uint32_t> facts, uint32_t end) {
  auto counts = [end](uint32_t fact) { return fact < end; };
  const auto kept = static_cast<size_t>(std::count_if(facts.begin(), facts.end(), counts));
  if (kept > kFactsMax) return;
  if (!entries_) entries_ = std::make_unique_for_overwrite<Entry[]>(kSets * kWays);
  const size_t at = set_of(key);
  Set& set = sets_[at];
  const size_t way = set.next;
  set.next = (set.next + 1) % kWays;
  set.used = std::max(set.used, static_cast<uint32_t>(way + 1));
  set.hashes[way] = key.hash;
  Entry& entry = entries_[at * kWays + way];
  entry.size = static_cast<uint16_t>(key.text.size());
  entry.facts_count = static_cast<uint16_t>(kept);
  entry.field = key.field;
  entry.kind = key.kind;
  std::copy_if(facts.begin(), facts.end(), entry.facts.begin(), counts);
  std::copy(key.text.begin(), key.text.end(), entry.text.begin());
}

void ValueMemo::clear() {
  sets_.clear();
  entries_.reset();
}

}  // namespace picket
