// Runtime: the daemon: what lives as long as the process, and the generation that works now.
//
// Threads: the main thread waits for what is to be done; one runs the HTTP server and the signals;
// one the inputs; the others belong to the generation (generation.h).
//
// Reload: the new configuration is read, checked and compiled while the old one works. If anything
// is wrong with it, nothing happens. Else the old generation ends, leaving to the new one what they
// have in common (legacy.h). If that one cannot start after all, a new one of the old configuration
// goes on.
//
// Errors: everything wrong with configuration, rules or files is collected and returned by make();
// nothing has been started then.
// Thread rule: made and run by the main thread.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>
#include <thread>

#include "daemon/clock.h"
#include "daemon/disk.h"
#include "daemon/http/server.h"
#include "daemon/inputs/listener_pool.h"
#include "daemon/orders.h"
#include "daemon/plan.h"
#include "daemon/published.h"
#include "daemon/store.h"

namespace picket {

class Generation;

class Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> make(const RunOptions& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Returns when asked to stop (SIGTERM, SIGINT) or when every input has ended: an exit code.
  // SIGHUP and POST /-/reload have the configuration read again.
  int run();

 private:
  using WorkGuard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  // A loop on a thread of its own, which runs until stop().
  struct Loop {
    ~Loop() { stop(); }
    void start() {
      thread = std::thread([this] { io.run(); });
    }
    void stop() {
      io.stop();
      if (thread.joinable()) thread.join();
    }

    boost::asio::io_context io{1};
    WorkGuard work{io.get_executor()};
    std::thread thread;
  };

  explicit Runtime(RunOptions options);

  Diagnostics build(std::shared_ptr<const Plan> plan);
  std::unique_ptr<Generation> new_generation(std::shared_ptr<const Plan> plan);
  void build_http(const Settings& settings, Diagnostics& diagnostics);
  void start_control();
  void await_signals();
  // False: nothing runs any more.
  bool reload();
  Diagnostics replace_generation(std::shared_ptr<const Plan> plan);
  void shut_down();

  const RunOptions options_;

  SystemClock clock_;
  RealDisk disk_;
  std::unique_ptr<Store> store_;
  PublishedState published_;
  Orders orders_;
  Loop control_;  // HTTP and signals
  Loop inputs_;
  ListenerPool listeners_;  // of push inputs
  boost::asio::signal_set signals_{control_.io, SIGTERM, SIGINT, SIGHUP};
  std::unique_ptr<HttpServer> http_;
  ReloadStats reloads_;
  std::unique_ptr<Generation> generation_;  // null only while it is replaced
};

}  // namespace picket
