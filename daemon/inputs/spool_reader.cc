#include "daemon/inputs/spool_reader.h"

#include <algorithm>
#include <utility>

#include "daemon/inputs/file_names.h"

namespace picket {

SpoolReader::SpoolReader(const Disk& disk, std::string folder, uint64_t offset)
    : disk_(disk), folder_(std::move(folder)), offset_(offset), started_(offset > 0) {}

DiskResult<size_t> SpoolReader::read(const SpoolEnd& end, std::span<char> into) {
  while (!in_record_) {
    if (offset_ >= end.offset) return size_t{0};
    const DiskResult<Step> step = enter_record(end);
    if (!step) return std::unexpected(step.error());
    if (*step == Step::AtEnd) return size_t{0};
  }
  const uint64_t inside = offset_ - record_begin_;
  const size_t want = std::min<uint64_t>(head_.size - inside, into.size());
  const DiskResult<size_t> got =
      segment_.file->read_at(record_at_ + kRecordHeadBytes + inside, into.data(), want);
  if (!got) return std::unexpected(got.error());
  offset_ += *got;
  // The check saw these bytes a moment ago; a file that became shorter since lost the rest.
  if (*got == 0) lose_until(record_begin_ + head_.size);
  in_record_ = offset_ < record_begin_ + head_.size;
  if (*got == 0) return read(end, into);
  return *got;
}

// Finds the record that offset_ is in. Again: something was passed over.
DiskResult<SpoolReader::Step> SpoolReader::enter_record(const SpoolEnd& end) {
  const bool ended = segment_.limit && segment_.next_begin >= *segment_.limit;
  const bool was_last = !segment_.limit && segment_.begin != end.segment;
  if (!segment_.file || ended || was_last) {
    const DiskResult<Step> step = enter_segment(end);
    if (!step || *step != Step::Ready) return step;
  }
  const uint64_t at = segment_.next_at;
  const uint64_t begin = segment_.next_begin;
  const auto head = read_record_head(*segment_.file, at, begin);
  if (!head) return std::unexpected(head.error());
  if (!*head || begin + (*head)->size > segment_.limit.value_or(~uint64_t{0})) {
    // Nothing more in this segment can be found, or counts.
    lose_until(segment_.limit.value_or(end.offset));
    segment_.file.reset();
    return Step::Again;
  }
  const uint64_t behind = begin + (*head)->size;
  segment_.next_at = at + kRecordHeadBytes + (*head)->size;
  segment_.next_begin = behind;
  if (behind <= offset_) return Step::Again;
  const auto good = payload_is_good(*segment_.file, at, **head, begin);
  if (!good) {
    segment_.next_at = at;
    segment_.next_begin = begin;
    return std::unexpected(good.error());
  }
  if (!*good) {
    lose_until(behind);
    return Step::Again;
  }
  head_ = **head;
  record_begin_ = begin;
  record_at_ = at;
  in_record_ = true;
  return Step::Ready;
}

// Opens the segment that offset_ is in, or the next one there is; stays where that is the present
// one, whose limit is then known.
DiskResult<SpoolReader::Step> SpoolReader::enter_segment(const SpoolEnd& end) {
  const auto begins = list_segments(disk_, folder_);
  if (!begins) return std::unexpected(begins.error());
  const uint64_t target = segment_.file ? segment_.next_begin : offset_;
  auto next = std::upper_bound(begins->begin(), begins->end(), target);
  auto chosen = next;
  if (next != begins->begin()) {
    --chosen;
  } else {
    ++next;
  }
  if (chosen == begins->end() || *chosen > end.segment) {
    lose_until(end.offset);
    segment_ = {};
    return Step::AtEnd;
  }
  std::optional<uint64_t> limit;
  if (next < begins->end()) limit = *next;
  if (segment_.file && segment_.begin == *chosen) {
    segment_.limit = limit;
    return Step::Ready;
  }
  auto file =
      disk_.open(path_in(folder_, segment_name(*chosen)), {Symlinks::Refuse, folder_.size()});
  if (!file) return std::unexpected(file.error());
  if (*chosen > offset_) lose_until(*chosen);
  segment_ = {*std::move(file), *chosen, kSegmentHeaderBytes, *chosen, limit};
  started_ = true;
  return Step::Ready;
}

// At the very beginning nothing is lost: the oldest records went because they were released.
void SpoolReader::lose_until(uint64_t offset) {
  if (offset <= offset_) return;
  if (started_) lost_bytes_ += offset - offset_;
  offset_ = offset;
}

}  // namespace picket
