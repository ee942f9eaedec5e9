#include "daemon/runtime.h"

#include <sys/resource.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdlib>
#include <functional>

#include "daemon/build_info.h"
#include "daemon/check.h"
#include "daemon/commands/command.h"
#include "daemon/http/routes.h"
#include "daemon/inputs/file_names.h"
#include "daemon/keeper.h"
#include "daemon/loader.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/pipeline.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kOutputDeadline{10};
constexpr std::chrono::milliseconds kInputStatsEvery{200};

std::string state_path(const StateSettings& state) {
  if (!state.path.empty()) return state.path;
  const char* folder = std::getenv("STATE_DIRECTORY");
  return folder && *folder ? std::string(folder) + "/picket.db" : "picket.db";
}

// One descriptor per followed file: take what the system allows.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

template <class T>
std::unique_ptr<T> take_or_report(Result<std::unique_ptr<T>> result, Diagnostics& diagnostics) {
  if (result) return *std::move(result);
  append(diagnostics, std::move(result).error());
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::make(const RunOptions& options) {
  PICKET_TRY(ParsedSettings parsed, load_settings(options.config));
  PipelineSettings& pipeline = parsed.settings.pipeline;
  pipeline.workers = options.workers.value_or(pipeline.workers);
  pipeline.batch_bytes = options.batch_bytes.value_or(pipeline.batch_bytes);
  Diagnostics diagnostics = std::move(parsed.diagnostics);
  append(diagnostics, check_parts(parsed.settings));
  std::unique_ptr<Runtime> runtime(new Runtime(std::move(parsed.settings)));
  runtime->build_rules(diagnostics);
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  raise_file_limit();
  runtime->build_state(diagnostics);
  runtime->build_outputs(diagnostics);
  runtime->build_http(diagnostics);
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  runtime->build_pipeline();
  runtime->build_inputs(diagnostics);
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  print_diagnostics(diagnostics);  // warnings
  return runtime;
}

Runtime::Runtime(Settings settings) : settings_(std::move(settings)) {}

Runtime::~Runtime() {
  if (pipeline_) pipeline_->finish();
  receiving_.io.stop();
  if (receiving_.thread.joinable()) receiving_.thread.join();
  control_.io.stop();
  if (control_.thread.joinable()) control_.thread.join();
}

void Runtime::build_rules(Diagnostics& diagnostics) {
  Result<std::shared_ptr<const RuleSet>> rules = load_rules(load_request(settings_));
  if (!rules) {
    append(diagnostics, std::move(rules).error());
    return;
  }
  rules_ = *std::move(rules);
  append(diagnostics, rules_->rejected());
  source_options(diagnostics);
}

std::vector<SourceOptions> Runtime::source_options(Diagnostics& diagnostics) const {
  std::vector<SourceOptions> sources;
  for (const InputSettings& input : settings_.inputs) {
    SourceOptions source{.name = input.name, .lateness = input.lateness};
    Result<int> schema = resolve_schema(*rules_, input.schema);
    if (schema) {
      source.fixed_schema = *schema;
    } else {
      for (Diagnostic& problem : schema.error()) {
        const Node* node = input.node->find("schema");
        problem.where = (node ? node : input.node)->where();
      }
      append(diagnostics, std::move(schema).error());
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

void Runtime::build_state(Diagnostics& diagnostics) {
  store_ = take_or_report(Store::open(state_path(settings_.state)), diagnostics);
  if (store_ && !store_->notice().empty()) log_warning("{}", store_->notice());
  const DeadLetterSettings& dead = settings_.dead_letter;
  dead_letters_ = take_or_report(DeadLetterFile::open(dead.path, dead.max_bytes), diagnostics);
}

void Runtime::build_outputs(Diagnostics& diagnostics) {
  for (const OutputSettings& settings : settings_.outputs) {
    for (const OutputKind& kind : output_kinds()) {
      if (kind.type != settings.type) continue;
      OutputContext context{.name = settings.name, .clock = clock_};
      auto output = take_or_report(kind.make(*settings.node, context), diagnostics);
      if (!output) continue;
      deliveries_.push_back(std::make_unique<Delivery>(settings.name, std::move(output), clock_));
    }
  }
}

void Runtime::build_http(Diagnostics& diagnostics) {
  if (settings_.listen.empty()) return;
  std::optional<ListenAddress> address = parse_listen_address(settings_.listen);
  if (!address) return;  // reported by check_parts
  control_.http = take_or_report(HttpServer::make(control_.io.get_executor(), *address,
                                                  [this](const HttpRequest& request) {
                                                    return answer(request, {published_});
                                                  }),
                                 diagnostics);
}

void Runtime::build_pipeline() {
  KeeperOptions keeping{.workers = settings_.pipeline.workers,
                        .commit_interval = settings_.state.commit_interval,
                        .build = build_info()};
  for (const InputSettings& input : settings_.inputs) {
    keeping.source_names.push_back(input.name);
    keeping.source_types.push_back(input.type);
  }
  keeper_ = std::make_unique<Keeper>(
      std::move(keeping), KeeperParts{*store_, *dead_letters_, deliveries_, published_, clock_});
  Diagnostics none;
  PipelineOptions options{.workers = settings_.pipeline.workers,
                          .queue_bytes = settings_.pipeline.queue_bytes,
                          .max_future_skew = settings_.max_future_skew};
  options.engine.memory_max = settings_.state.memory_max;
  pipeline_ = std::make_unique<Pipeline>(rules_, source_options(none), options, clock_, *keeper_);
  keeper_->watch(*pipeline_);
  restore();
}

void Runtime::restore() {
  EngineChanges saved;
  for (StateChange& row : store_->load(StateKind::Group)) {
    saved.groups.push_back({std::move(row.key), std::move(row.value), false});
  }
  for (StateChange& row : store_->load(StateKind::Alert)) {
    saved.alerts.push_back({std::move(row.key), std::move(row.value), false});
  }
  for (StateChange& row : store_->load(StateKind::Meta)) saved.meta = std::move(row.value);
  size_t passed_over = pipeline_->restore(saved);
  if (passed_over > 0) {
    log_info("{} rows of saved state belong to rules that changed or are gone", passed_over);
  }
  keeper_->restore_outbox(store_->load(StateKind::Outbox));
  // Receivers that must hear of a firing alert again and again learn of those that fired before.
  std::vector<AlertEvent> events;
  for (Alert& alert : pipeline_->active_alerts()) {
    events.push_back({AlertChange::Updated, std::move(alert)});
  }
  if (!events.empty()) keeper_->on_alerts(std::move(events));
}

void Runtime::build_inputs(Diagnostics& diagnostics) {
  std::vector<std::map<std::string, std::string>> checkpoints(settings_.inputs.size());
  for (const StateChange& row : store_->load(StateKind::Checkpoint)) {
    std::string source;
    std::string key;
    if (!split_checkpoint_key(row.key, source, key)) continue;
    for (size_t i = 0; i < settings_.inputs.size(); ++i) {
      if (settings_.inputs[i].name == source) checkpoints[i][key] = row.value;
    }
  }
  for (size_t i = 0; i < settings_.inputs.size(); ++i) {
    const InputSettings& settings = settings_.inputs[i];
    for (const InputKind& kind : input_kinds()) {
      if (kind.type != settings.type) continue;
      InputContext context{.executor = input_io_.get_executor(),
                           .sink = *pipeline_,
                           .disk = disk_,
                           .clock = clock_,
                           .source = static_cast<SourceId>(i),
                           .name = settings.name,
                           .batch_bytes = settings_.pipeline.batch_bytes,
                           .max_line = settings.max_line,
                           .checkpoints = std::move(checkpoints[i]),
                           .receive = receiving_.io.get_executor(),
                           .state_folder = folder_of(state_path(settings_.state))};
      auto input = take_or_report(kind.make(*settings.node, std::move(context)), diagnostics);
      if (input) {
        append(diagnostics, input->prepare());
        inputs_.push_back({std::move(input), std::make_unique<asio::cancellation_signal>()});
      }
    }
  }
}

void Runtime::start_inputs() {
  auto left = std::make_shared<size_t>(inputs_.size());
  for (RunningInput& running : inputs_) {
    asio::co_spawn(input_io_, running.input->run(),
                   asio::bind_cancellation_slot(running.cancel->slot(),
                                                [this, left](const std::exception_ptr& error) {
                                                  if (error)
                                                    log_error("an input ended with an exception");
                                                  if (--*left == 0) input_io_.stop();
                                                }));
  }
}

// Copies the inputs' statistics to the keeper from time to time, on the input thread, and tells the
// inputs what was committed.
void Runtime::report_inputs() {
  auto timer = std::make_shared<asio::steady_timer>(input_io_);
  auto again = std::make_shared<std::function<void()>>();
  *again = [this, timer, weak = std::weak_ptr(again)] {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      keeper_->input_stats(i, inputs_[i].input->stats());
    }
    for (const Keeper::Committed& row : keeper_->take_committed()) {
      inputs_[row.source].input->committed(row.checkpoint);
    }
    timer->expires_after(kInputStatsEvery);
    timer->async_wait([self = weak.lock()](const boost::system::error_code& error) {
      if (!error && self) (*self)();
    });
  };
  (*again)();
}

void Runtime::stop_inputs() {
  pipeline_->close_input();
  asio::post(input_io_, [this] {
    for (RunningInput& running : inputs_) running.cancel->emit(asio::cancellation_type::terminal);
    if (inputs_.empty()) input_io_.stop();
  });
}

void Runtime::start_control() {
  auto signals = std::make_shared<asio::signal_set>(control_.io, SIGTERM, SIGINT);
  signals->async_wait([this, signals](const boost::system::error_code& error, int number) {
    if (error) return;
    log_info("stopping on {}", number == SIGINT ? "SIGINT" : "SIGTERM");
    notify_stopping("draining");
    stop_inputs();
  });
  // Reloading comes by restart: state and positions survive it. A stray SIGHUP must not kill.
  std::signal(SIGHUP, SIG_IGN);
  if (control_.http) control_.http->start();
  control_.thread = std::thread([this] {
    auto work = asio::make_work_guard(control_.io);
    control_.io.run();
  });
}

int Runtime::run() {
  for (auto& delivery : deliveries_) delivery->start();
  start_control();
  pipeline_->start();
  receiving_.thread = std::thread([this] { receiving_.io.run(); });
  start_inputs();
  report_inputs();
  keeper_->set_ready(true, "");
  size_t rules = rules_->rules().size();
  if (control_.http) log_info("listening on {}, port {}", settings_.listen, control_.http->port());
  log_info("ready: {} rules, {} inputs, {} outputs", rules, inputs_.size(), deliveries_.size());
  notify_ready("watching");
  input_io_.run();
  shut_down();
  return ExitCode::kFine;
}

void Runtime::shut_down() {
  keeper_->set_ready(false, "stopping");
  // Ends once every input has answered its senders; their deadlines bound that.
  receiving_.work.reset();
  receiving_.thread.join();
  pipeline_->finish();
  auto deadline = clock_.steady() + kOutputDeadline;
  for (auto& delivery : deliveries_) {
    if (!delivery->stop(deadline)) {
      log_warning("output '{}' did not finish in time", delivery->stats().name);
    }
  }
  keeper_->settle();
  asio::post(control_.io, [this] {
    if (control_.http) control_.http->stop();
    control_.io.stop();
  });
  control_.thread.join();
  control_.http.reset();
  log_info("stopped");
}

}  // namespace picket
