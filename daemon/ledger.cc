#include "daemon/ledger.h"

#include <numeric>

namespace picket {

uint64_t LedgerCounts::dropped_lines() const {
  return std::accumulate(dropped.begin(), dropped.end(), uint64_t{0});
}

void LedgerCounts::count_on(const LedgerCounts& before) {
  read += before.read - before.in_flight;
  for (size_t i = 0; i < dropped.size(); ++i) dropped[i] += before.dropped[i];
}

int64_t LedgerCounts::imbalance(const DecodeStats& decoded) const {
  return static_cast<int64_t>(read - decoded.lines - dropped_lines() - in_flight);
}

void Ledger::read(SourceId source, uint64_t lines) {
  MutexLock lock(mutex_);
  counts_[source].read += lines;
  counts_[source].in_flight += lines;
}

void Ledger::withdraw(SourceId source, uint64_t lines) {
  MutexLock lock(mutex_);
  counts_[source].read -= lines;
  counts_[source].in_flight -= lines;
}

void Ledger::drop(SourceId source, LineDrop reason, uint64_t lines) {
  MutexLock lock(mutex_);
  counts_[source].dropped[static_cast<size_t>(reason)] += lines;
  counts_[source].in_flight -= lines;
}

void Ledger::taken(SourceId source, uint64_t lines) {
  MutexLock lock(mutex_);
  counts_[source].in_flight -= lines;
}

std::vector<LedgerCounts> Ledger::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

}  // namespace picket
