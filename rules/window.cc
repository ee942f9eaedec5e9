#include "rules/window.h"

#include <algorithm>
#include <bit>

#include "rules/bytes.h"

namespace picket {

size_t TimeWindow::add(Timestamp time, Duration span, size_t keep) {
  int64_t at = to_ms(time);
  if (times_.empty() || times_.back() <= at) {
    times_.push_back(at);
  } else {
    auto begin = times_.begin() + static_cast<ptrdiff_t>(first_);
    times_.insert(std::upper_bound(begin, times_.end(), at), at);
  }
  int64_t oldest = times_.back() - span.count();
  while (times_[first_] < oldest || size() > keep) ++first_;
  // Move the rest to the front once half of the room is used up: amortised constant.
  if (first_ >= 8 && first_ * 2 >= times_.size()) {
    times_.erase(times_.begin(), times_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
  return size();
}

WindowPart TimeWindow::since(Timestamp first) const {
  const auto begin = times_.begin() + static_cast<ptrdiff_t>(first_);
  const auto at = std::lower_bound(begin, times_.end(), to_ms(first));
  if (at == times_.end()) return {};
  return {static_cast<size_t>(times_.end() - at), timestamp_ms(*at)};
}

void TimeWindow::encode(std::string& out) const {
  put_bytes(out, static_cast<uint32_t>(size()));
  for (size_t i = first_; i < times_.size(); ++i) put_bytes(out, times_[i]);
}

bool TimeWindow::decode(std::string_view& in) {
  uint32_t count = 0;
  if (!take_bytes(in, count) || count > in.size() / sizeof(int64_t)) return false;
  times_.resize(count);
  first_ = 0;
  for (int64_t& time : times_) {
    if (!take_bytes(in, time)) return false;
  }
  return std::is_sorted(times_.begin(), times_.end());
}

size_t DistinctWindow::add(uint64_t value, Timestamp time, Duration span, size_t keep) {
  int64_t at = to_ms(time);
  uint32_t entry = find(value);
  if (entry != kNone) {
    if (at > entries_[entry].time) {
      entries_[entry].time = at;
      if (entry != newest_) {
        unlink(entry);
        link(entry);
      }
    }
  } else if (newest_ == kNone || at >= entries_[newest_].time - span.count()) {
    entry = take_entry();
    entries_[entry].value = value;
    entries_[entry].time = at;
    link(entry);
    table_insert(entry);
    if (size_ > keep) drop_oldest();
  }
  int64_t first = entries_[newest_].time - span.count();
  while (entries_[oldest_].time < first || size_ > keep) drop_oldest();
  return size_;
}

size_t DistinctWindow::bytes() const {
  return entries_.capacity() * sizeof(Entry) + table_.capacity() * sizeof(uint32_t);
}

uint32_t DistinctWindow::find(uint64_t value) const {
  if (!table_.empty()) {
    size_t mask = table_.size() - 1;
    for (size_t i = home(value);; i = (i + 1) & mask) {
      uint32_t at = table_[i];
      if (at == kNone || entries_[at].value == value) return at;
    }
  }
  for (uint32_t at = newest_; at != kNone; at = entries_[at].older) {
    if (entries_[at].value == value) return at;
  }
  return kNone;
}

uint32_t DistinctWindow::take_entry() {
  ++size_;
  if (unused_ == kNone) {
    // Grows by half: most groups stay small, and there are many of them.
    if (entries_.size() == entries_.capacity()) {
      entries_.reserve(entries_.size() + std::max<size_t>(2, entries_.size() / 2));
    }
    entries_.push_back({});
    return static_cast<uint32_t>(entries_.size() - 1);
  }
  uint32_t at = unused_;
  unused_ = entries_[at].newer;
  return at;
}

void DistinctWindow::link(uint32_t at) {
  uint32_t older = newest_;
  while (older != kNone && entries_[older].time > entries_[at].time) older = entries_[older].older;
  uint32_t newer = older == kNone ? oldest_ : entries_[older].newer;
  entries_[at].older = older;
  entries_[at].newer = newer;
  (older == kNone ? oldest_ : entries_[older].newer) = at;
  (newer == kNone ? newest_ : entries_[newer].older) = at;
}

void DistinctWindow::unlink(uint32_t at) {
  const Entry& entry = entries_[at];
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
}

void DistinctWindow::drop_oldest() {
  uint32_t at = oldest_;
  table_erase(at);
  unlink(at);
  entries_[at].newer = unused_;
  unused_ = at;
  --size_;
}

void DistinctWindow::table_insert(uint32_t at) {
  if (table_.empty() ? size_ <= kLinearMax : size_ * 4 <= table_.size() * 3) {
    if (table_.empty()) return;
    size_t mask = table_.size() - 1;
    size_t i = home(entries_[at].value);
    while (table_[i] != kNone) i = (i + 1) & mask;
    table_[i] = at;
    return;
  }
  table_grow();
}

// Enters what is in the chain into a table of twice the size.
void DistinctWindow::table_grow() {
  size_t size = std::max(kLinearMax * 2, table_.size()) * 2;
  table_.assign(size, kNone);
  table_shift_ = 64 - static_cast<uint32_t>(std::countr_zero(size));
  for (uint32_t at = oldest_; at != kNone; at = entries_[at].newer) {
    size_t i = home(entries_[at].value);
    while (table_[i] != kNone) i = (i + 1) & (size - 1);
    table_[i] = at;
  }
}

// Closes the gap by moving up the entries behind it that may stand there, so that no marks of
// erased entries pile up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
void DistinctWindow::table_erase(uint32_t at) {
  if (table_.empty()) return;
  size_t mask = table_.size() - 1;
  size_t gap = home(entries_[at].value);
  while (table_[gap] != at) gap = (gap + 1) & mask;
  for (size_t i = (gap + 1) & mask; table_[i] != kNone; i = (i + 1) & mask) {
    size_t from_home = (i - home(entries_[table_[i]].value)) & mask;
    if (from_home < ((i - gap) & mask)) continue;
    table_[gap] = table_[i];
    gap = i;
  }
  table_[gap] = kNone;
}

WindowPart DistinctWindow::since(Timestamp first) const {
  WindowPart part;
  for (uint32_t at = newest_; at != kNone && entries_[at].time >= to_ms(first);
       at = entries_[at].older) {
    ++part.count;
    part.oldest = timestamp_ms(entries_[at].time);
  }
  return part;
}

void DistinctWindow::encode(std::string& out) const {
  put_bytes(out, size_);
  for (uint32_t at = oldest_; at != kNone; at = entries_[at].newer) {
    put_bytes(out, entries_[at].value);
    put_bytes(out, entries_[at].time);
  }
}

bool DistinctWindow::decode(std::string_view& in) {
  *this = {};
  uint32_t count = 0;
  if (!take_bytes(in, count) || count > in.size() / (2 * sizeof(int64_t))) return false;
  entries_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    int64_t time = 0;
    if (!take_bytes(in, value) || !take_bytes(in, time)) return false;
    if (newest_ != kNone && time < entries_[newest_].time) return false;
    if (find(value) != kNone) return false;
    uint32_t at = take_entry();
    entries_[at].value = value;
    entries_[at].time = time;
    link(at);
    table_insert(at);
  }
  return true;
}

}  // namespace picket
