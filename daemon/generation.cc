#include "daemon/generation.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <map>
#include <utility>

#include "daemon/build_info.h"
#include "daemon/keeper.h"
#include "daemon/legacy.h"
#include "daemon/loader.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kOutputDeadline{10};
// At a reload nothing is processed meanwhile, and what is not delivered in time is not lost.
constexpr std::chrono::seconds kOutputDeadlineAtReload{2};
constexpr std::chrono::milliseconds kReportEvery{200};

template <class T>
std::unique_ptr<T> take_or_report(Result<std::unique_ptr<T>> result, Diagnostics& diagnostics) {
  if (result) return *std::move(result);
  append(diagnostics, std::move(result).error());
  return nullptr;
}

template <class T>
bool contains(const std::vector<T>& values, const T& value) {
  return std::ranges::find(values, value) != values.end();
}

// The kept part that was made from the same; null: there is none.
template <class Parts>
auto find_input(Parts& parts, const std::string& identity) {
  const auto found = std::ranges::find(
      parts, identity, [](const auto& input) -> const auto& { return input->identity(); });
  return found == parts.end() ? nullptr : &*found;
}
template <class Parts>
auto find_output(Parts& parts, const std::string& identity) {
  const auto found = std::ranges::find(parts, identity, &KeptOutput::identity);
  return found == parts.end() ? nullptr : &*found;
}

// Rows of the state file, and over them what could not be written to it yet.
std::vector<StateChange> load_rows(Store& store, StateKind kind, const Legacy& legacy) {
  std::map<std::string, StateChange> rows;
  for (StateChange& row : store.load(kind)) {
    std::string key = row.key;
    rows.insert_or_assign(std::move(key), std::move(row));
  }
  for (const auto& [key, change] : legacy.keeper.changes) {
    if (key.first != kind) continue;
    if (change.erase) {
      rows.erase(key.second);
    } else {
      rows.insert_or_assign(key.second, change);
    }
  }
  std::vector<StateChange> loaded;
  loaded.reserve(rows.size());
  for (auto& [key, row] : rows) loaded.push_back(std::move(row));
  return loaded;
}

// What the pipeline must know of each input, in the order of the settings.
std::vector<SourceOptions> source_options(const Plan& plan) {
  std::vector<SourceOptions> sources;
  for (const InputSettings& input : plan.settings.inputs) {
    const Result<int> schema = resolve_schema(*plan.rules, input.schema);  // checked by load_plan()
    sources.push_back({.name = input.name,
                       .fixed_schema = schema.value_or(-1),
                       .lateness = input.lateness,
                       .shed = input.overload == Overload::Shed});
  }
  return sources;
}

SelfWatchOptions watch_options(const Settings& settings) {
  const SelfWatchSettings& watch = settings.self_watch;
  SelfWatchOptions options{.lag_bytes_max = watch.lag_bytes_max,
                           .lag_age_max = watch.lag_age_max,
                           .patience = watch.patience,
                           .resolve_after = watch.resolve_after};
  for (const InputSettings& input : settings.inputs) {
    if (input.silent_after) options.silent_after[input.name] = *input.silent_after;
  }
  return options;
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

Diagnostics Generation::build(const Legacy& legacy) {
  Diagnostics diagnostics;
  const DeadLetterSettings& dead = plan_->settings.dead_letter;
  if (!legacy.dead_letters || legacy.dead_letter != dead) {
    dead_letters_ = take_or_report(DeadLetterFile::open(dead.path, dead.max_bytes), diagnostics);
  }
  build_outputs(legacy, diagnostics);
  if (has_errors(diagnostics)) return diagnostics;
  build_inputs(legacy, diagnostics);
  return diagnostics;
}

void Generation::build_outputs(const Legacy& legacy, Diagnostics& diagnostics) {
  for (size_t i = 0; i < plan_->settings.outputs.size(); ++i) {
    const OutputSettings& settings = plan_->settings.outputs[i];
    std::unique_ptr<Delivery>& delivery = deliveries_.emplace_back();
    if (find_output(legacy.outputs, plan_->output_identities[i])) continue;
    for (const OutputKind& kind : output_kinds()) {
      if (kind.type != settings.type) continue;
      OutputContext context{.name = settings.name, .clock = parts_.clock};
      auto output = take_or_report(kind.make(*settings.node, context), diagnostics);
      if (!output) continue;
      delivery = std::make_unique<Delivery>(settings.name, std::move(output), parts_.clock);
      const auto before = legacy.outputs_ended.find(settings.name);
      if (before != legacy.outputs_ended.end()) delivery->count_on(before->second);
    }
  }
}

void Generation::build_inputs(const Legacy& legacy, Diagnostics& diagnostics) {
  const RunnerContext context{.input_io = parts_.input_io,
                              .disk = parts_.disk,
                              .clock = parts_.clock,
                              .batch_bytes = plan_->settings.pipeline.batch_bytes,
                              .listeners = parts_.listeners,
                              .state_folder = parts_.state_folder,
                              .on_end = parts_.on_input_end};
  Checkpoints checkpoints = load_checkpoints(legacy);
  for (size_t i = 0; i < plan_->settings.inputs.size(); ++i) {
    const InputSettings& settings = plan_->settings.inputs[i];
    const std::string& identity = plan_->input_identities[i];
    std::unique_ptr<InputRunner>& input = inputs_.emplace_back();
    if (find_input(legacy.inputs, identity)) continue;
    input = take_or_report(
        InputRunner::make(settings, identity, context, std::move(checkpoints[i])), diagnostics);
    if (!input) continue;
    const auto before = legacy.inputs_ended.find(settings.name);
    if (before != legacy.inputs_ended.end()) input->count_on(before->second);
    append(diagnostics, input->prepare());
  }
}

Generation::Checkpoints Generation::load_checkpoints(const Legacy& legacy) {
  const std::vector<InputSettings>& inputs = plan_->settings.inputs;
  Checkpoints checkpoints(inputs.size());
  for (const StateChange& row : load_rows(parts_.store, StateKind::Checkpoint, legacy)) {
    std::string source;
    std::string key;
    if (!split_checkpoint_key(row.key, source, key)) continue;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].name == source) checkpoints[i][key] = row.value;
    }
  }
  return checkpoints;
}

// Returns their names; likewise below.
std::set<std::string> Generation::take_over_outputs(Legacy& legacy) {
  std::set<std::string> resumed;
  for (size_t i = 0; i < deliveries_.size(); ++i) {
    if (deliveries_[i]) continue;
    deliveries_[i] = std::move(find_output(legacy.outputs, plan_->output_identities[i])->delivery);
    resumed.insert(plan_->settings.outputs[i].name);
  }
  return resumed;
}

std::set<std::string> Generation::take_over_inputs(Legacy& legacy) {
  std::set<std::string> resumed;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i]) continue;
    std::unique_ptr<InputRunner>& kept = *find_input(legacy.inputs, plan_->input_identities[i]);
    inputs_[i] = std::move(kept);
    std::erase(legacy.inputs, nullptr);
    resumed.insert(inputs_[i]->name());
  }
  return resumed;
}

void Generation::build_pipeline() {
  const Settings& settings = plan_->settings;
  KeeperOptions keeping{.workers = settings.pipeline.workers,
                        .commit_interval = settings.state.commit_interval,
                        .build = build_info(),
                        .watch = watch_options(settings)};
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
  options.engine.pending_max = settings.state.pending_max;
  pipeline_ = std::make_unique<Pipeline>(plan_->rules, source_options(*plan_), options,
                                         parts_.clock, *keeper_);
  keeper_->watch(*pipeline_);
}

// After a reload, rows of rules that changed or are gone are erased: their alerts are told to have
// ended. After a start they stay, in case the rules come back.
void Generation::restore_engine(const Legacy& legacy) {
  size_t passed_over = 0;
  const auto restore = [&](StateChange row, std::vector<EngineChanges::Row> EngineChanges::*rows) {
    EngineChanges one;
    (one.*rows).push_back({row.key, std::move(row.value), false});
    if (pipeline_->restore(one) == 0) return;
    ++passed_over;
    if (legacy.rules) keeper_->erase(row.kind, std::move(row.key));
  };
  for (StateChange& row : load_rows(parts_.store, StateKind::Group, legacy)) {
    restore(std::move(row), &EngineChanges::groups);
  }
  for (StateChange& row : load_rows(parts_.store, StateKind::Alert, legacy)) {
    restore(std::move(row), &EngineChanges::alerts);
  }
  EngineChanges meta;
  for (StateChange& row : load_rows(parts_.store, StateKind::Meta, legacy)) {
    meta.meta = std::move(row.value);
  }
  for (StateChange& row : load_rows(parts_.store, StateKind::Hit, legacy)) {
    meta.hits.push_back({std::move(row.key), std::move(row.value), false});
  }
  passed_over += pipeline_->restore(meta);
  if (passed_over > 0) {
    log_info("{} rows of saved state belong to rules that changed or are gone", passed_over);
  }
}

// Those of inputs that go on keep their numbers, and so does the order of what came at one time.
void Generation::resume_streams(Legacy& legacy, const std::set<std::string>& resumed) {
  const std::vector<InputSettings>& inputs = plan_->settings.inputs;
  if (inputs.empty()) return;
  for (PipelineStream& stream : legacy.streams) {
    const std::string& source = legacy.sources[stream.info.source];
    if (!resumed.contains(source)) stream.ended = true;
    const auto found = std::ranges::find(inputs, source, &InputSettings::name);
    stream.info.source =
        found == inputs.end() ? SourceId{0} : static_cast<SourceId>(found - inputs.begin());
  }
  pipeline_->resume(std::move(legacy.streams));
}

// Receivers that must hear of a firing alert again and again learn of those that fired before; and
// of those whose rule is gone or means something else now, that they have ended.
void Generation::tell_of_alerts(const std::vector<Alert>& before) {
  std::vector<AlertEvent> events;
  std::set<std::string> firing;
  for (Alert& alert : pipeline_->active_alerts()) {
    firing.insert(alert.id);
    events.push_back({AlertChange::Updated, std::move(alert)});
  }
  for (const Alert& alert : before) {
    if (firing.contains(alert.id)) continue;
    AlertEvent& event = events.emplace_back(AlertChange::Resolved, alert);
    event.alert.status = AlertStatus::Resolved;
    event.alert.ends_at = alert.updated_at;
  }
  if (!events.empty()) keeper_->on_alerts(std::move(events));
}

void Generation::start(Legacy legacy) {
  if (!dead_letters_) dead_letters_ = std::move(legacy.dead_letters);
  const std::set<std::string> outputs = take_over_outputs(legacy);
  const std::set<std::string> inputs = take_over_inputs(legacy);
  build_pipeline();
  restore_engine(legacy);
  const std::vector<StateChange> outbox = load_rows(parts_.store, StateKind::Outbox, legacy);
  if (legacy.rules) keeper_->take_over(std::move(legacy.keeper));
  keeper_->restore_outbox(outbox, outputs);
  resume_streams(legacy, inputs);
  tell_of_alerts(legacy.firing);
  for (auto& delivery : deliveries_) {
    if (!outputs.contains(delivery->stats().name)) delivery->start();
  }
  pipeline_->start();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i]->gate().open(*pipeline_, static_cast<SourceId>(i));
    if (!inputs.contains(inputs_[i]->name())) inputs_[i]->start();
  }
  reporter_ = std::make_shared<Reporter>(parts_.input_io, *this);
  reporter_->start();
  keeper_->set_ready(true, "");
  log_info("ready: {} rules, {} inputs, {} outputs", plan_->rules->rules().size(), inputs_.size(),
           deliveries_.size());
}

Legacy Generation::end(const Plan* next) {
  if (next == nullptr) {
    keeper_->set_ready(false, "stopping");
    pipeline_->close_input();
  }
  Legacy legacy;
  end_inputs(next, legacy);
  pipeline_->finish();
  legacy.firing = pipeline_->active_alerts();
  legacy.streams = pipeline_->streams();
  for (const InputSettings& input : plan_->settings.inputs) legacy.sources.push_back(input.name);
  legacy.rules = plan_->rules;
  end_outputs(next, legacy);
  legacy.dead_letter = plan_->settings.dead_letter;
  legacy.dead_letters = std::move(dead_letters_);
  // Their folders, ports and memory are for the next ones.
  inputs_.clear();
  pipeline_.reset();
  keeper_.reset();
  deliveries_.clear();
  return legacy;
}

// While those that end do, the others go on; then they wait at their gates.
void Generation::end_inputs(const Plan* next, Legacy& legacy) {
  const auto stays = [next](const std::unique_ptr<InputRunner>& input) {
    return next && contains(next->input_identities, input->identity());
  };
  for (auto& input : inputs_) {
    if (!stays(input)) input->cancel();
  }
  for (auto& input : inputs_) {
    if (!stays(input)) input->end();
  }
  reporter_->end();
  for (auto& input : inputs_) {
    if (stays(input)) {
      input->gate().close();
      legacy.inputs.push_back(std::move(input));
    } else {
      legacy.inputs_ended.emplace(input->name(), input->stats());
    }
  }
}

void Generation::end_outputs(const Plan* next, Legacy& legacy) {
  const auto stays = [&](size_t i) {
    return next && contains(next->output_identities, plan_->output_identities[i]);
  };
  const auto deadline = parts_.clock.steady() + (next ? kOutputDeadlineAtReload : kOutputDeadline);
  for (size_t i = 0; i < deliveries_.size(); ++i) {
    if (stays(i) || deliveries_[i]->stop(deadline)) continue;
    log_warning("output '{}' did not finish in time", deliveries_[i]->stats().name);
  }
  keeper_->settle();
  legacy.keeper = keeper_->leave();
  for (size_t i = 0; i < deliveries_.size(); ++i) {
    if (stays(i)) {
      legacy.outputs.push_back({plan_->output_identities[i], std::move(deliveries_[i])});
    } else {
      legacy.outputs_ended.emplace(deliveries_[i]->stats().name, deliveries_[i]->stats());
    }
  }
}

bool Generation::inputs_ended() const {
  for (const auto& input : inputs_) {
    if (!input->ended()) return false;
  }
  return !inputs_.empty();
}

}  // namespace picket
