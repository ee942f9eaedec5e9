#include "daemon/inputs/spool.h"

#include <utility>

namespace picket {
namespace {

// Items are joined into records of about this size, so that many small ones cost one head and one
// check, and a damaged record does not take too many with it.
constexpr uint64_t kRecordBytes = 4 << 20;

}  // namespace

Spool::Spool(std::unique_ptr<SpoolWriter> writer, const Clock& clock, uint64_t pending_max)
    : writer_(std::move(writer)), clock_(clock), pending_max_(pending_max) {
  publish();
}

Spool::~Spool() {
  {
    MutexLock lock(mutex_);
    shared_.closing = true;
    work_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  while (step()) {
  }
}

void Spool::start() {
  thread_ = std::thread([this] { run(); });
}

void Spool::run() {
  for (;;) {
    switch (wait_for_work()) {
      case Work::Step:
        step();
        break;
      case Work::Probe:
        probe();
        break;
      case Work::End:
        return;
    }
  }
}

Spool::Work Spool::wait_for_work() {
  MutexLock lock(mutex_);
  const auto probe_at = clock_.steady() + kProbeEvery;
  while (!shared_.closing && shared_.waiting.empty() && shared_.released <= released_) {
    if (shared_.stats.last_error.empty()) {
      work_.wait(mutex_);
    } else if (!work_.wait_until(mutex_, probe_at)) {
      return Work::Probe;
    }
  }
  return shared_.closing ? Work::End : Work::Step;
}

void Spool::probe() {
  writer_->probe();
  publish();
}

bool Spool::step() {
  std::deque<Waiting> group;
  uint64_t released = 0;
  {
    MutexLock lock(mutex_);
    group.swap(shared_.waiting);
    released = shared_.released;
  }
  if (group.empty() && released <= released_) return false;
  if (released > released_) {
    // First, because it may make room.
    writer_->release(released);
    released_ = released;
    publish();
  }
  if (!group.empty()) write(std::move(group));
  return true;
}

void Spool::write(std::deque<Waiting> group) {
  std::vector<SpoolRecord> records;
  uint64_t bytes = 0;
  uint64_t record_bytes = 0;
  for (const Waiting& waiting : group) {
    const SpoolItem& item = waiting.item;
    const bool joins = item.kind == RecordKind::Lines && !records.empty() &&
                       records.back().kind == RecordKind::Lines &&
                       record_bytes + item.bytes.size() <= kRecordBytes;
    if (!joins) {
      records.push_back({item.kind, clock_.now(), item.line_length});
      record_bytes = 0;
    }
    records.back().parts.emplace_back(item.bytes);
    record_bytes += item.bytes.size();
    bytes += item.bytes.size();
  }
  const SpoolVerdict verdict = writer_->write(records);
  {
    MutexLock lock(mutex_);
    shared_.waiting_bytes -= bytes;
  }
  publish();
  if (verdict == SpoolVerdict::Durable && news_) news_();
  for (Waiting& waiting : group) waiting.answer(verdict);
}

void Spool::publish() {
  MutexLock lock(mutex_);
  shared_.end = writer_->end();
  shared_.stats = writer_->stats();
}

void Spool::submit(SpoolItem item, Answer answer) {
  {
    MutexLock lock(mutex_);
    const uint64_t bytes = item.bytes.size();
    const bool fits = shared_.waiting_bytes == 0 || shared_.waiting_bytes + bytes <= pending_max_;
    if (fits && !shared_.closing) {
      shared_.waiting_bytes += bytes;
      shared_.waiting.push_back({std::move(item), std::move(answer)});
      work_.notify_all();
      return;
    }
  }
  answer(SpoolVerdict::Busy);
}

void Spool::release(uint64_t offset) {
  MutexLock lock(mutex_);
  if (offset <= shared_.released) return;
  shared_.released = offset;
  work_.notify_all();
}

SpoolEnd Spool::end() const {
  MutexLock lock(mutex_);
  return shared_.end;
}

SpoolStats Spool::stats() const {
  MutexLock lock(mutex_);
  return shared_.stats;
}

}  // namespace picket
