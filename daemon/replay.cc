#include "daemon/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "daemon/clock.h"
#include "daemon/dead_letter_reader.h"
#include "daemon/log_file.h"
#include "daemon/pipeline.h"
#include "rules/decode.h"
#include "rules/engine.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

// Collects what the pipeline gives.
class Collector final : public PipelineClient {
 public:
  explicit Collector(const ReplayOptions& options) : options_(options) {}

  void on_batch(const StreamInfo&, const HitBatch&, uint64_t) override {}

  void on_alerts(std::vector<AlertEvent> alerts) override {
    for (AlertEvent& event : alerts) {
      if (options_.on_alert && event.change != AlertChange::Updated) options_.on_alert(event);
      latest_[event.alert.id] = std::move(event.alert);
    }
  }

  void on_tick(Engine&, Timestamp) override {}

  void on_end(Engine& engine, Timestamp) override {
    stats_ = engine.stats();
    active_ = engine.active_alerts();
  }

  void fill(ReplayResult& result) {
    for (Alert& alert : active_) latest_[alert.id] = std::move(alert);
    for (auto& [id, alert] : latest_) result.alerts.push_back(std::move(alert));
    std::sort(result.alerts.begin(), result.alerts.end(), [](const Alert& a, const Alert& b) {
      return std::tie(a.starts_at, a.id) < std::tie(b.starts_at, b.id);
    });
    result.stats = std::move(stats_);
  }

 private:
  const ReplayOptions& options_;
  std::map<std::string, Alert> latest_;
  EngineStats stats_;
  std::vector<Alert> active_;
};

// The event time of one line, if it has one.
class TimePeeker final : private EventSink {
 public:
  TimePeeker(const RuleSet& rules, int schema)
      : decoder_(rules.plans(), rules.fields().size()), schema_(schema) {}

  // Of the last line in `batch` that carries a time.
  std::optional<Timestamp> last_time(const LineBatch& batch) {
    std::string_view text = batch.bytes.view();
    const char* limit = text.data() + batch.bytes.capacity() + PaddedBytes::kPadding;
    found_.reset();
    for (int tries = 0; tries < kTriesMax && !text.empty() && !found_; ++tries) {
      size_t end = text.find_last_not_of('\n');
      if (end == text.npos) break;
      text = text.substr(0, end + 1);
      size_t start = text.rfind('\n') + 1;
      LineContext line{.line = text.substr(start), .fixed_schema = schema_};
      line.readable = static_cast<size_t>(limit - line.line.data());
      line.future_limit = Timestamp::max();
      DecodeStats ignored;
      decoder_.decode(line, ignored, *this);
      text = text.substr(0, start);
    }
    return found_;
  }

 private:
  static constexpr int kTriesMax = 8;

  void on_event(Event& event) override {
    if (event.timed && (!found_ || event.time > *found_)) found_ = event.time;
  }

  Decoder decoder_;
  int schema_;
  std::optional<Timestamp> found_;
};

struct OpenLog {
  std::unique_ptr<LogFile> file;
  std::string path;
  StreamId stream = 0;
  DeadLetterReader letters = {};
  Timestamp reached = Timestamp::min();
  bool ended = false;
};

class Reader {
 public:
  Reader(const RuleSet& rules, const ReplayOptions& options, Pipeline& pipeline,
         ReplayResult& result)
      : options_(options),
        pipeline_(pipeline),
        result_(result),
        peeker_(rules, options.fixed_schema) {}

  void run() {
    open();
    while (OpenLog* log = furthest_behind()) step(*log);
  }

 private:
  void open() {
    CutterLimits limits{.batch_bytes = options_.batch_bytes, .max_line = options_.max_line};
    if (options_.dead_letters) limits.max_line = DeadLetterReader::letter_max(limits.max_line);
    for (const std::string& path : options_.logs) {
      Result<std::unique_ptr<LogFile>> file = LogFile::open(path, limits);
      if (!file) {
        append(result_.problems, std::move(file).error());
        continue;
      }
      total_ += (*file)->size();
      StreamId stream = pipeline_.open_stream({.source = 0, .file = path});
      logs_.push_back({.file = *std::move(file), .path = path, .stream = stream});
    }
  }

  OpenLog* furthest_behind() {
    OpenLog* behind = nullptr;
    for (OpenLog& log : logs_) {
      if (!log.ended && (!behind || log.reached < behind->reached)) behind = &log;
    }
    return behind;
  }

  void step(OpenLog& log) {
    uint64_t before = log.file->consumed();
    std::optional<LineBatch> batch = log.file->next();
    done_ += log.file->consumed() - before;
    if (options_.on_progress) options_.on_progress(done_, total_);
    if (batch && options_.dead_letters) log.letters.unpack(*batch);
    if (!batch) {
      log.ended = true;
      report(log);
      batch.emplace();
      batch->kind = BatchKind::EndOfStream;
    } else if (logs_.size() > 1) {
      log.reached = std::max(log.reached, peeker_.last_time(*batch).value_or(log.reached));
    }
    batch->stream = log.stream;
    pipeline_.push(*std::move(batch));
  }

  // What kept `log` from being read in full.
  void report(const OpenLog& log) {
    std::string message = log.file->error();
    const uint64_t refused = log.letters.refused();
    if (message.empty() && refused > 0) {
      message = refused == 1
                    ? "1 line is no dead letter and was left out"
                    : fmt::format("{} lines are no dead letters and were left out", refused);
    }
    if (!message.empty()) result_.problems.push_back({{log.path, 0, 0}, message, ""});
  }

  const ReplayOptions& options_;
  Pipeline& pipeline_;
  ReplayResult& result_;
  TimePeeker peeker_;
  std::vector<OpenLog> logs_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

ReplayResult replay(std::shared_ptr<const RuleSet> rules, const ReplayOptions& options) {
  ReplayResult result;
  SystemClock clock;
  auto start = clock.steady();
  Collector collector(options);
  PipelineOptions pipeline_options{.workers = options.workers,
                                   .queue_bytes = options.queue_bytes,
                                   .max_future_skew = options.max_future_skew};
  pipeline_options.engine.live = false;
  pipeline_options.engine.track_changes = false;
  pipeline_options.engine.memory_max = options.memory_max;
  Pipeline pipeline(rules, {{.name = "replay", .fixed_schema = options.fixed_schema}},
                    pipeline_options, clock, collector);
  pipeline.start();
  Reader(*rules, options, pipeline, result).run();
  pipeline.finish();
  collector.fill(result);
  result.seconds = std::chrono::duration<double>(clock.steady() - start).count();
  return result;
}

}  // namespace picket
