#include "daemon/generation.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <utility>

#include "daemon/build_info.h"
#include "daemon/keeper.h"
#include "daemon/loader.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kOutputDeadline{10};
constexpr std::chrono::milliseconds kReportEvery{200};

template <class T>
std::unique_ptr<T> take_or_report(Result<std::unique_ptr<T>> result, Diagnostics& diagnostics) {
  if (result) return *std::move(result);
  append(diagnostics, std::move(result).error());
  return nullptr;
}

// What the pipeline must know of each input, in the order of the settings.
std::vector<SourceOptions> source_options(const Plan& plan) {
  std::vector<SourceOptions> sources;
  for (const InputSettings& input : plan.settings.inputs) {
    const Result<int> schema = resolve_schema(*plan.rules, input.schema);  // checked by load_plan()
    sources.push_back(
        {.name = input.name, .fixed_schema = schema.value_or(-1), .lateness = input.lateness});
  }
  return sources;
}

}  // namespace

// Copies the inputs' statistics to the keeper from time to time, on the input thread, and tells the
// inputs what was committed.
class Generation::Reporter : public std::enable_shared_from_this<Reporter> {
 public:
  Reporter(asio::io_context& io, Generation& owner) : io_(io), timer_(io), owner_(&owner) {}

  void start() {
    asio::post(io_, [self = shared_from_this()] { self->turn(); });
  }
  // Returns once it has reported for the last time.
  void end() {
    std::promise<void> done;
    asio::post(io_, [this, &done] {
      report();
      owner_ = nullptr;
      timer_.cancel();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  void turn() {
    if (owner_ == nullptr) return;
    report();
    timer_.expires_after(kReportEvery);
    timer_.async_wait(
        [self = shared_from_this()](const boost::system::error_code&) { self->turn(); });
  }
  void report() {
    for (size_t i = 0; i < owner_->inputs_.size(); ++i) {
      owner_->keeper_->input_stats(i, owner_->inputs_[i]->stats());
    }
    for (const Keeper::Committed& row : owner_->keeper_->take_committed()) {
      owner_->inputs_[row.source]->committed(row.checkpoint);
    }
  }

  asio::io_context& io_;
  asio::steady_timer timer_;
  Generation* owner_;  // null: ended
};

Generation::Generation(std::shared_ptr<const Plan> plan, GenerationParts parts)
    : plan_(std::move(plan)), parts_(std::move(parts)) {}

Generation::~Generation() {
  if (pipeline_) pipeline_->finish();
}

Diagnostics Generation::build() {
  Diagnostics diagnostics;
  const DeadLetterSettings& dead = plan_->settings.dead_letter;
  dead_letters_ = take_or_report(DeadLetterFile::open(dead.path, dead.max_bytes), diagnostics);
  build_outputs(diagnostics);
  if (has_errors(diagnostics)) return diagnostics;
  build_inputs(diagnostics);
  return diagnostics;
}

void Generation::build_outputs(Diagnostics& diagnostics) {
  for (const OutputSettings& settings : plan_->settings.outputs) {
    for (const OutputKind& kind : output_kinds()) {
      if (kind.type != settings.type) continue;
      OutputContext context{.name = settings.name, .clock = parts_.clock};
      auto output = take_or_report(kind.make(*settings.node, context), diagnostics);
      if (!output) continue;
      deliveries_.push_back(
          std::make_unique<Delivery>(settings.name, std::move(output), parts_.clock));
    }
  }
}

void Generation::build_inputs(Diagnostics& diagnostics) {
  const RunnerContext context{.input_io = parts_.input_io,
                              .disk = parts_.disk,
                              .clock = parts_.clock,
                              .batch_bytes = plan_->settings.pipeline.batch_bytes,
                              .state_folder = parts_.state_folder,
                              .on_end = parts_.on_input_end};
  Checkpoints checkpoints = load_checkpoints();
  for (size_t i = 0; i < plan_->settings.inputs.size(); ++i) {
    auto input = take_or_report(
        InputRunner::make(plan_->settings.inputs[i], context, std::move(checkpoints[i])),
        diagnostics);
    if (!input) continue;
    append(diagnostics, input->prepare());
    inputs_.push_back(std::move(input));
  }
}

Generation::Checkpoints Generation::load_checkpoints() {
  const std::vector<InputSettings>& inputs = plan_->settings.inputs;
  Checkpoints checkpoints(inputs.size());
  for (const StateChange& row : parts_.store.load(StateKind::Checkpoint)) {
    std::string source;
    std::string key;
    if (!split_checkpoint_key(row.key, source, key)) continue;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].name == source) checkpoints[i][key] = row.value;
    }
  }
  return checkpoints;
}

void Generation::build_pipeline() {
  const Settings& settings = plan_->settings;
  KeeperOptions keeping{.workers = settings.pipeline.workers,
                        .commit_interval = settings.state.commit_interval,
                        .build = build_info()};
  for (const InputSettings& input : settings.inputs) {
    keeping.source_names.push_back(input.name);
    keeping.source_types.push_back(input.type);
  }
  keeper_ = std::make_unique<Keeper>(
      std::move(keeping),
      KeeperParts{parts_.store, *dead_letters_, deliveries_, parts_.published, parts_.clock});
  PipelineOptions options{.workers = settings.pipeline.workers,
                          .queue_bytes = settings.pipeline.queue_bytes,
                          .max_future_skew = settings.max_future_skew};
  options.engine.memory_max = settings.state.memory_max;
  pipeline_ = std::make_unique<Pipeline>(plan_->rules, source_options(*plan_), options,
                                         parts_.clock, *keeper_);
  keeper_->watch(*pipeline_);
}

void Generation::restore() {
  EngineChanges saved;
  for (StateChange& row : parts_.store.load(StateKind::Group)) {
    saved.groups.push_back({std::move(row.key), std::move(row.value), false});
  }
  for (StateChange& row : parts_.store.load(StateKind::Alert)) {
    saved.alerts.push_back({std::move(row.key), std::move(row.value), false});
  }
  for (StateChange& row : parts_.store.load(StateKind::Meta)) saved.meta = std::move(row.value);
  size_t passed_over = pipeline_->restore(saved);
  if (passed_over > 0) {
    log_info("{} rows of saved state belong to rules that changed or are gone", passed_over);
  }
  keeper_->restore_outbox(parts_.store.load(StateKind::Outbox));
  // Receivers that must hear of a firing alert again and again learn of those that fired before.
  std::vector<AlertEvent> events;
  for (Alert& alert : pipeline_->active_alerts()) {
    events.push_back({AlertChange::Updated, std::move(alert)});
  }
  if (!events.empty()) keeper_->on_alerts(std::move(events));
}

void Generation::start() {
  build_pipeline();
  restore();
  for (auto& delivery : deliveries_) delivery->start();
  pipeline_->start();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i]->gate().open(*pipeline_, static_cast<SourceId>(i));
    inputs_[i]->start();
  }
  reporter_ = std::make_shared<Reporter>(parts_.input_io, *this);
  reporter_->start();
  keeper_->set_ready(true, "");
  log_info("ready: {} rules, {} inputs, {} outputs", plan_->rules->rules().size(), inputs_.size(),
           deliveries_.size());
}

void Generation::end() {
  keeper_->set_ready(false, "stopping");
  pipeline_->close_input();
  for (auto& input : inputs_) input->cancel();
  for (auto& input : inputs_) input->end();
  reporter_->end();
  pipeline_->finish();
  const auto deadline = parts_.clock.steady() + kOutputDeadline;
  for (auto& delivery : deliveries_) {
    if (!delivery->stop(deadline)) {
      log_warning("output '{}' did not finish in time", delivery->stats().name);
    }
  }
  keeper_->settle();
}

bool Generation::inputs_ended() const {
  for (const auto& input : inputs_) {
    if (!input->ended()) return false;
  }
  return !inputs_.empty();
}

}  // namespace picket
