#include "daemon/runtime.h"

#include <sys/resource.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <functional>
#include <utility>

#include "daemon/commands/command.h"
#include "daemon/generation.h"
#include "daemon/http/routes.h"
#include "daemon/inputs/file_names.h"
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
  std::unique_ptr<Runtime> runtime(new Runtime());
  Diagnostics problems = runtime->build(plan);
  if (has_errors(problems)) return std::unexpected(std::move(problems));
  print_diagnostics(plan->warnings);
  return runtime;
}

Runtime::~Runtime() = default;

Diagnostics Runtime::build(std::shared_ptr<const Plan> plan) {
  Diagnostics diagnostics;
  const std::string path = state_path(plan->settings.state);
  Result<std::unique_ptr<Store>> store = Store::open(path);
  if (!store) return std::move(store).error();
  store_ = *std::move(store);
  if (!store_->notice().empty()) log_warning("{}", store_->notice());
  build_http(plan->settings, diagnostics);
  generation_ = std::make_unique<Generation>(
      std::move(plan), GenerationParts{.store = *store_,
                                       .published = published_,
                                       .disk = disk_,
                                       .clock = clock_,
                                       .input_io = inputs_.io,
                                       .state_folder = folder_of(path),
                                       .on_input_end = [this] { orders_.look_at_inputs(); }});
  append(diagnostics, generation_->build());
  return diagnostics;
}

void Runtime::build_http(const Settings& settings, Diagnostics& diagnostics) {
  if (settings.listen.empty()) return;
  const std::optional<ListenAddress> address = parse_listen_address(settings.listen);
  if (!address) return;  // reported by check_parts
  auto http = HttpServer::make(
      control_.io.get_executor(), *address,
      [this](const HttpRequest& request) { return answer(request, {published_}); });
  if (http) {
    http_ = *std::move(http);
  } else {
    append(diagnostics, std::move(http).error());
  }
}

void Runtime::start_control() {
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    log_info("stopping on {}", number == SIGINT ? "SIGINT" : "SIGTERM");
    notify_stopping("draining");
    orders_.stop();
  });
  // Reloading comes by restart: state and positions survive it. A stray SIGHUP must not kill.
  std::signal(SIGHUP, SIG_IGN);
  if (http_) {
    http_->start();
    log_info("listening on {}, port {}", generation_->plan().settings.listen, http_->port());
  }
  control_.start();
}

int Runtime::run() {
  start_control();
  inputs_.start();
  generation_->start();
  notify_ready("watching");
  while (orders_.wait() != Order::Stop) {
    if (generation_->inputs_ended()) break;
  }
  shut_down();
  return ExitCode::kFine;
}

void Runtime::shut_down() {
  generation_->end();
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
