#include "daemon/pipeline.h"

#include <cstdlib>
#include <exception>
#include <iterator>
#include <utility>

#include "daemon/log.h"
#include "rules/engine.h"
#include "rules/processor.h"

namespace picket {
namespace {

std::vector<std::string> names_of(const std::vector<SourceOptions>& sources) {
  std::vector<std::string> names;
  for (const SourceOptions& source : sources) names.push_back(source.name);
  return names;
}

// Runs a thread's whole work. We never throw; what a library throws here (memory ran out) cannot be
// recovered from in the middle of a batch, and the state file is consistent, so the process ends.
template <class Work>
void guarded(const char* what, const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    log_error("{} thread failed: {}", what, error.what());
    std::abort();
  }
}

bool is_checkpoint(const LineBatch& batch) {
  return batch.kind == BatchKind::Lines && batch.bytes.size() == 0;
}

// A checkpoint of a dropped batch replaces the waiting one of its stream and key, if nothing but
// other checkpoints lies between. Where a stream or a key passes to another, as in a rotation, the
// order stays as it was: forgetting the old name must not come before knowing the new one.
Fold fold_checkpoint(LineBatch& waiting, LineBatch& batch) {
  if (!is_checkpoint(waiting) || !is_checkpoint(batch)) return Fold::Stop;
  const bool same_stream = waiting.stream == batch.stream;
  const bool same_key = waiting.checkpoint.key == batch.checkpoint.key;
  if (same_stream != same_key) return Fold::Stop;
  if (!same_stream) return Fold::Past;
  waiting = std::move(batch);
  return Fold::Into;
}

}  // namespace

Pipeline::Pipeline(std::shared_ptr<const RuleSet> rules, std::vector<SourceOptions> sources,
                   PipelineOptions options, const Clock& clock, PipelineClient& client)
    : rules_(std::move(rules)),
      sources_(std::move(sources)),
      options_(std::move(options)),
      clock_(clock),
      client_(client),
      engine_(std::make_unique<Engine>(rules_, names_of(sources_), options_.engine)),
      queue_({.items_max = 256, .weight_max = options_.queue_bytes}),
      results_(options_.workers * uint64_t{2} + 2),
      ledger_(sources_.size()) {}

Pipeline::~Pipeline() { finish(); }

size_t Pipeline::restore(const EngineChanges& saved) { return engine_->restore(saved); }

void Pipeline::resume(std::vector<PipelineStream> streams) {
  MutexLock lock(streams_mutex_);
  streams_.assign(std::move_iterator(streams.begin()), std::move_iterator(streams.end()));
  announce_streams();
}

std::vector<PipelineStream> Pipeline::streams() {
  MutexLock lock(streams_mutex_);
  return {streams_.begin(), streams_.end()};
}

std::vector<Alert> Pipeline::active_alerts() { return engine_->active_alerts(); }

void Pipeline::start() {
  for (uint32_t i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this] { guarded("decode", [this] { work(); }); });
  }
  engine_thread_ = std::thread([this] { guarded("engine", [this] { run_engine(); }); });
}

void Pipeline::finish() {
  close_input();
  for (std::thread& worker : workers_) {
    if (worker.joinable()) worker.join();
  }
  results_.close();
  if (engine_thread_.joinable()) engine_thread_.join();
}

StreamId Pipeline::open_stream(StreamInfo info) {
  MutexLock lock(streams_mutex_);
  streams_.push_back({.info = std::move(info)});
  return static_cast<StreamId>(streams_.size() - 1);
}

SourceId Pipeline::source_of(StreamId stream) {
  MutexLock lock(streams_mutex_);
  return streams_[stream].info.source;
}

bool Pipeline::push(LineBatch batch) {
  const SourceId source = source_of(batch.stream);
  const uint64_t lines = count_lines(batch);
  batch.lines = lines;
  ledger_.read(source, lines);
  const uint64_t weight = batch.bytes.capacity();
  const bool taken = sources_[source].shed ? push_or_shed(std::move(batch))
                                           : queue_.push(std::move(batch), weight);
  if (!taken) ledger_.withdraw(source, lines);
  return taken;
}

bool Pipeline::push_or_shed(LineBatch batch) {
  if (queue_.try_push(batch, batch.bytes.capacity())) return true;
  const SourceId source = source_of(batch.stream);
  const uint64_t lines = std::exchange(batch.lines, 0);
  batch.bytes = PaddedBytes(size_t{0});
  if (batch.kind == BatchKind::OversizeLine) batch.kind = BatchKind::Lines;
  if (!queue_.push_folding(std::move(batch), &fold_checkpoint)) return false;
  ledger_.drop(source, LineDrop::Overload, lines);
  return true;
}

BatchContext Pipeline::context_of(const LineBatch& batch) {
  const SourceId source = source_of(batch.stream);
  BatchContext context;
  context.fixed_schema = sources_[source].fixed_schema;
  if (options_.max_future_skew > Duration(0)) {
    context.future_limit = clock_.now() + options_.max_future_skew;
  }
  return context;
}

void Pipeline::work() {
  Processor processor(rules_, nullptr, &steady_nanoseconds);
  uint64_t sequence = 0;
  while (std::optional<LineBatch> batch = queue_.pop(sequence)) {
    batch->sequence = sequence;
    BatchContext context = context_of(*batch);
    HitBatch result = results_.blank();
    processor.process(*std::move(batch), context, result);
    // Dead letters point into the bytes; without any, the memory is free now.
    if (result.dead.empty()) result.source.bytes = {};
    results_.put(std::move(result));
  }
}

void Pipeline::run_engine() {
  std::vector<AlertEvent> alerts;
  auto next_tick = clock_.steady() + kTick;
  while (!results_.drained()) {
    std::optional<HitBatch> batch = results_.take(kTick);
    if (batch) {
      take(*std::move(batch));
    } else if (options_.engine.live) {
      engine_->advance(clock_.now(), alerts);
      hand_over(alerts);
    }
    if (clock_.steady() < next_tick) continue;
    next_tick = clock_.steady() + kTick;
    client_.on_tick(*engine_, clock_.now());
  }
  if (!options_.engine.live) {
    engine_->finish(alerts);
    hand_over(alerts);
  }
  client_.on_end(*engine_, clock_.now());
}

// Tells the engine of streams that it does not know yet.
void Pipeline::announce_streams() {
  for (size_t id = engine_->streams(); id < streams_.size(); ++id) {
    const StreamInfo& info = streams_[id].info;
    if (streams_[id].ended) {
      engine_->add_ended_stream(info.source);
      continue;
    }
    const SourceOptions& source = sources_[info.source];
    std::optional<Duration> lateness = source.lateness;
    if (!lateness && source.fixed_schema >= 0) {
      lateness = rules_->plans().schemas[static_cast<size_t>(source.fixed_schema)].lateness;
    }
    engine_->add_stream(info.source, lateness, info.identity);
  }
}

void Pipeline::take(HitBatch batch) {
  StreamInfo info;
  uint64_t first_line = 0;
  {
    MutexLock lock(streams_mutex_);
    announce_streams();
    PipelineStream& stream = streams_[batch.source.stream];
    info = stream.info;
    first_line = stream.lines;
    stream.lines += batch.stats.lines;
    if (batch.source.kind == BatchKind::EndOfStream) stream.ended = true;
  }
  std::vector<AlertEvent> alerts;
  engine_->process(batch, clock_.now(), alerts);
  ledger_.taken(info.source, batch.source.lines);
  client_.on_batch(info, batch, first_line);
  hand_over(alerts);
  results_.recycle(std::move(batch));
}

void Pipeline::hand_over(std::vector<AlertEvent>& alerts) {
  if (alerts.empty()) return;
  client_.on_alerts(std::move(alerts));
  alerts.clear();
  client_.on_tick(*engine_, clock_.now());
}

PipelineLoad Pipeline::load() {
  uint64_t waiting = queue_.size();
  return {waiting, queue_.capacity(), queue_.weight(), waiting + results_.size()};
}

}  // namespace picket
