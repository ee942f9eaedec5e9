#include "daemon/runtime.h"

#include <malloc.h>
#include <sys/resource.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <functional>
#include <utility>

#include "daemon/commands/command.h"
#include "daemon/generation.h"
#include "daemon/http/status_service.h"
#include "daemon/inputs/file_names.h"
#include "daemon/legacy.h"
#include "daemon/loader.h"
#include "daemon/log.h"
#include "daemon/notify.h"

namespace picket {
namespace {

namespace asio = boost::asio;

// One descriptor per followed file: take what the system allows.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Result<std::unique_ptr<Runtime>> Runtime::make(const RunOptions& options) {
  PICKET_TRY(std::shared_ptr<const Plan> plan, load_plan(options));
  raise_file_limit();
  std::unique_ptr<Runtime> runtime(new Runtime(options));
  Diagnostics problems = runtime->build(plan);
  if (has_errors(problems)) return std::unexpected(std::move(problems));
  print_diagnostics(plan->warnings);
  return runtime;
}

Runtime::Runtime(RunOptions options) : options_(std::move(options)) {}

Runtime::~Runtime() = default;

Diagnostics Runtime::build(std::shared_ptr<const Plan> plan) {
  Diagnostics diagnostics;
  Result<std::unique_ptr<Store>> store = Store::open(state_path(plan->settings.state));
  if (!store) return std::move(store).error();
  store_ = *std::move(store);
  if (!store_->notice().empty()) log_warning("{}", store_->notice());
  build_http(plan->settings, diagnostics);
  generation_ = new_generation(std::move(plan));
  append(diagnostics, generation_->build({}));
  return diagnostics;
}

std::unique_ptr<Generation> Runtime::new_generation(std::shared_ptr<const Plan> plan) {
  const std::string state_folder = folder_of(state_path(plan->settings.state));
  return std::make_unique<Generation>(
      std::move(plan), GenerationParts{.store = *store_,
                                       .published = published_,
                                       .disk = disk_,
                                       .clock = clock_,
                                       .input_io = inputs_.io,
                                       .listeners = listeners_,
                                       .state_folder = state_folder,
                                       .on_input_end = [this] { orders_.look_at_inputs(); }});
}

void Runtime::build_http(const Settings& settings, Diagnostics& diagnostics) {
  if (settings.listen.empty()) return;
  const std::optional<ListenAddress> address = parse_listen_address(settings.listen);
  if (!address) return;  // reported by check_parts
  StatusService::AskReload ask;
  if (is_loopback(*address)) {
    ask = [this](Orders::Answer answer) { orders_.reload(std::move(answer)); };
  }
  const asio::any_io_executor executor = control_.io.get_executor();
  auto http = HttpServer::make(
      executor, *address, std::make_unique<StatusService>(published_, executor, std::move(ask)));
  if (http) {
    http_ = *std::move(http);
  } else {
    append(diagnostics, std::move(http).error());
  }
}

void Runtime::await_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    if (number == SIGHUP) {
      orders_.reload();
    } else {
      log_info("stopping on {}", number == SIGINT ? "SIGINT" : "SIGTERM");
      notify_stopping("draining");
      orders_.stop();
    }
    await_signals();
  });
}

void Runtime::start_control() {
  await_signals();
  if (http_) {
    http_->start();
    log_info("listening on {}, port {}", generation_->plan().settings.listen, http_->port());
  }
  control_.start();
}

int Runtime::run() {
  reloads_.last_success = clock_.now();
  published_.publish_reload(reloads_);
  start_control();
  inputs_.start();
  generation_->start({});
  listeners_.settle();
  notify_ready("watching");
  for (Order order = orders_.wait(); order != Order::Stop; order = orders_.wait()) {
    if (order == Order::Reload && !reload()) break;
    if (generation_->inputs_ended()) break;
  }
  const int code = generation_ ? ExitCode::kFine : ExitCode::kFailure;
  shut_down();
  return code;
}

bool Runtime::reload() {
  log_info("reading the configuration again");
  notify_reloading();
  ++reloads_.attempts;
  Result<std::shared_ptr<const Plan>> plan = load_plan(options_);
  Diagnostics problems;
  if (plan) {
    print_diagnostics((*plan)->warnings);
    problems = fixed_differences(generation_->plan(), **plan);
    if (problems.empty()) problems = replace_generation(*std::move(plan));
  } else {
    problems = std::move(plan).error();
  }
  reloads_.last_successful = problems.empty();
  reloads_.last_error = describe_diagnostics(problems);
  if (problems.empty()) {
    reloads_.last_success = clock_.now();
    log_info("the new configuration is in use");
  } else {
    ++reloads_.failures;
    print_diagnostics(problems);
    log_error("the new configuration is refused; the old one stays in use");
  }
  published_.publish_reload(reloads_);
  notify_ready(problems.empty() ? "watching" : "watching; the last reload was refused");
  orders_.reloaded({problems.empty(), problems.empty() ? "reloaded" : reloads_.last_error});
  // For a moment there were two of much.
  malloc_trim(0);
  return generation_ != nullptr;
}

// On errors the old configuration is in use again.
Diagnostics Runtime::replace_generation(std::shared_ptr<const Plan> plan) {
  listeners_.hold();
  Legacy legacy = generation_->end(plan.get());
  std::unique_ptr<Generation> next = new_generation(std::move(plan));
  Diagnostics problems = next->build(legacy);
  if (has_errors(problems)) {
    next = new_generation(generation_->shared_plan());
    Diagnostics again = next->build(legacy);
    if (has_errors(again)) {
      append(problems, std::move(again));
      generation_.reset();
      log_error("neither the new configuration nor the old one can be started");
      return problems;
    }
  } else {
    problems.clear();
  }
  generation_ = std::move(next);
  generation_->start(std::move(legacy));
  listeners_.settle();
  return problems;
}

void Runtime::shut_down() {
  listeners_.drain();
  if (generation_) generation_->end(nullptr);
  generation_.reset();
  inputs_.stop();
  asio::post(control_.io, [this] {
    if (http_) http_->stop();
    control_.io.stop();
  });
  control_.thread.join();
  http_.reset();
  log_info("stopped");
}

}  // namespace picket
