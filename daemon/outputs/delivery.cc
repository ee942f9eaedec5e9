// Tested by tests/daemon/outputs/delivery_test.cc.
#include "daemon/outputs/delivery.h"

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <utility>

#include "daemon/failpoint.h"
#include "daemon/mutex.h"

namespace picket {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// From "same machine" to "the receiver was down for a re-send or two".
constexpr std::array<double, 11> kLatencyBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                   0.5,   1,    5,     10,   60};

struct Queued {
  SteadyTime pushed;
  Outgoing outgoing;
};

}  // namespace

struct Delivery::State {
  std::unique_ptr<Output> output;
  const Clock* clock = nullptr;
  DeliveryOptions options;

  mutable Mutex mutex;
  CondVar changed;
  std::deque<Queued> queue PICKET_THREAD(guarded_by(mutex));
  OutputStats stats PICKET_THREAD(guarded_by(mutex));
  uint64_t passed PICKET_THREAD(guarded_by(mutex)) = 0;  // newest number given to it or dropped
  uint64_t acked PICKET_THREAD(guarded_by(mutex)) = 0;
  bool closing PICKET_THREAD(guarded_by(mutex)) = false;
  bool finished PICKET_THREAD(guarded_by(mutex)) = false;
  SteadyTime deadline PICKET_THREAD(guarded_by(mutex)) = SteadyTime::max();

  // Waits for events, the next tick or the end. Empty: a tick is due or all is done.
  std::vector<Queued> next(SteadyTime tick_at);
  bool done() const;
  void deliver(std::vector<Queued> batch);
  void tick();
  void acknowledge(uint64_t number);
  void count(const std::vector<SteadyTime>& pushed, std::error_code error);
  void fail(std::error_code error) PICKET_THREAD(requires_capability(mutex));
};

std::vector<Queued> Delivery::State::next(SteadyTime tick_at) {
  MutexLock lock(mutex);
  while (queue.empty() && !closing && clock->steady() < tick_at) changed.wait_until(mutex, tick_at);
  std::vector<Queued> batch;
  if (closing && clock->steady() >= deadline) return batch;
  const bool again = !queue.empty() && queue.front().outgoing.again;
  const size_t batch_max = again ? queue.size() : options.batch_max;
  while (!queue.empty() && batch.size() < batch_max && queue.front().outgoing.again == again) {
    batch.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return batch;
}

bool Delivery::State::done() const {
  MutexLock lock(mutex);
  return closing && (queue.empty() || clock->steady() >= deadline);
}

void Delivery::State::fail(std::error_code error) {
  stats.last_error = output->last_error();
  if (stats.last_error.empty()) stats.last_error = error.message();
}

void Delivery::State::count(const std::vector<SteadyTime>& pushed, std::error_code error) {
  const SteadyTime now = clock->steady();
  MutexLock lock(mutex);
  if (error) {
    stats.errors += pushed.size();
    fail(error);
    return;
  }
  stats.last_error.clear();
  stats.sent += pushed.size();
  for (const SteadyTime since : pushed) {
    const double seconds = std::chrono::duration<double>(now - since).count();
    stats.latency_sum += seconds;
    ++stats.latency_count;
    for (auto& [bound, counter] : stats.latency_buckets) counter += seconds <= bound ? 1 : 0;
  }
}

void Delivery::State::deliver(std::vector<Queued> batch) {
  std::vector<AlertEvent> events;
  std::vector<SteadyTime> pushed;
  events.reserve(batch.size());
  pushed.reserve(batch.size());
  const bool again = batch.front().outgoing.again;
  uint64_t number = 0;
  for (Queued& item : batch) {
    number = std::max(number, item.outgoing.number);
    events.push_back(std::move(item.outgoing.event));
    pushed.push_back(item.pushed);
  }
  failpoint(Failpoint::DeliveryStart);
  std::error_code error;
  try {
    error = again ? output->redeliver(events, clock->now()) : output->deliver(events, clock->now());
  } catch (const std::exception&) {  // out of memory in a library: an error like any other
    error = std::make_error_code(std::errc::not_enough_memory);
  }
  failpoint(Failpoint::DeliveryDone);
  count(pushed, error);
  acknowledge(number);
}

void Delivery::State::acknowledge(uint64_t number) {
  const bool settled = output->settled();
  MutexLock lock(mutex);
  passed = std::max(passed, number);
  if (settled) acked = passed;
}

void Delivery::State::tick() {
  std::error_code error;
  try {
    error = output->tick(clock->now());
  } catch (const std::exception&) {
    error = std::make_error_code(std::errc::not_enough_memory);
  }
  acknowledge(0);
  MutexLock lock(mutex);
  if (error) {
    ++stats.errors;
    fail(error);
  } else {
    stats.last_error = output->last_error();
  }
}

void Delivery::run(State& state) {
  SteadyTime tick_at = state.clock->steady() + state.options.tick_interval;
  while (!state.done()) {
    std::vector<Queued> batch = state.next(tick_at);
    if (!batch.empty()) state.deliver(std::move(batch));
    if (state.clock->steady() >= tick_at) {
      state.tick();
      tick_at = state.clock->steady() + state.options.tick_interval;
    }
  }
  state.output->finish(state.clock->now());
  state.acknowledge(0);
  MutexLock lock(state.mutex);
  state.stats.dropped += state.queue.size();
  state.queue.clear();
  state.finished = true;
  state.changed.notify_all();
}

Delivery::Delivery(std::string name, std::unique_ptr<Output> output, const Clock& clock,
                   DeliveryOptions options)
    : state_(std::make_shared<State>()) {
  MutexLock lock(state_->mutex);
  state_->output = std::move(output);
  state_->clock = &clock;
  state_->options = options;
  state_->stats.name = std::move(name);
  state_->stats.queue_capacity = options.queue_max;
  for (const double bound : kLatencyBounds) state_->stats.latency_buckets.emplace_back(bound, 0);
}

Delivery::~Delivery() {
  if (thread_.joinable()) stop(state_->clock->steady());
}

void Delivery::count_on(const OutputStats& before) {
  MutexLock lock(state_->mutex);
  OutputStats& stats = state_->stats;
  stats.sent += before.sent;
  stats.errors += before.errors;
  stats.dropped += before.dropped;
  stats.latency_sum += before.latency_sum;
  stats.latency_count += before.latency_count;
  for (size_t i = 0; i < stats.latency_buckets.size() && i < before.latency_buckets.size(); ++i) {
    stats.latency_buckets[i].second += before.latency_buckets[i].second;
  }
}

void Delivery::start() {
  thread_ = std::thread([state = state_] { run(*state); });
}

void Delivery::push(std::vector<Outgoing> events) {
  const SteadyTime now = state_->clock->steady();
  MutexLock lock(state_->mutex);
  for (Outgoing& event : events) {
    if (state_->closing) {
      ++state_->stats.dropped;
      continue;
    }
    if (state_->queue.size() >= state_->options.queue_max) {
      state_->passed = std::max(state_->passed, state_->queue.front().outgoing.number);
      state_->queue.pop_front();
      ++state_->stats.dropped;
    }
    state_->queue.push_back({now, std::move(event)});
  }
  state_->changed.notify_all();
}

uint64_t Delivery::acked() const {
  MutexLock lock(state_->mutex);
  return state_->acked;
}

OutputStats Delivery::stats() const {
  MutexLock lock(state_->mutex);
  OutputStats stats = state_->stats;
  stats.queue_length = state_->queue.size();
  return stats;
}

bool Delivery::stop(SteadyTime deadline) {
  if (!thread_.joinable()) return true;
  bool finished = false;
  {
    MutexLock lock(state_->mutex);
    state_->closing = true;
    state_->deadline = deadline;
    state_->changed.notify_all();
    // Past the deadline the output still gets a moment for finish().
    const SteadyTime patience = deadline + std::chrono::seconds(3);
    while (!state_->finished && state_->clock->steady() < patience) {
      state_->changed.wait_until(state_->mutex, patience);
    }
    finished = state_->finished;
  }
  if (finished) {
    thread_.join();
  } else {
    thread_.detach();
  }
  return finished;
}

}  // namespace picket
