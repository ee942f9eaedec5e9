#include "rules/window.h"

#include <algorithm>

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
  auto known = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& entry) { return entry.value == value; });
  if (known != entries_.end()) {
    at = std::max(at, known->time);
    entries_.erase(known);
  }
  auto place = std::upper_bound(entries_.begin(), entries_.end(), at,
                                [](int64_t t, const Entry& entry) { return t < entry.time; });
  entries_.insert(place, {value, at});
  int64_t oldest = entries_.back().time - span.count();
  size_t drop = entries_.size() > keep ? entries_.size() - keep : 0;
  while (entries_[drop].time < oldest) ++drop;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(drop));
  return entries_.size();
}

void DistinctWindow::encode(std::string& out) const {
  put_bytes(out, static_cast<uint32_t>(entries_.size()));
  for (const Entry& entry : entries_) {
    put_bytes(out, entry.value);
    put_bytes(out, entry.time);
  }
}

bool DistinctWindow::decode(std::string_view& in) {
  uint32_t count = 0;
  if (!take_bytes(in, count) || count > in.size() / sizeof(Entry)) return false;
  entries_.resize(count);
  for (Entry& entry : entries_) {
    if (!take_bytes(in, entry.value) || !take_bytes(in, entry.time)) return false;
  }
  return std::is_sorted(entries_.begin(), entries_.end(),
                        [](const Entry& a, const Entry& b) { return a.time < b.time; });
}

}  // namespace picket
