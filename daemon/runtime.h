// Runtime: the daemon: builds every part from the configuration, runs them, stops them in order.
//
// Threads: the main thread runs the inputs; one receives for push inputs, each of which has another
// that writes its spool; one the HTTP server and the signals; one the engine; N decode; one each
// output. Stop order: inputs, queue, receivers (which answer what they took), decoders, engine
// (which commits), outputs with a deadline, HTTP.
//
// Errors: everything wrong with configuration, rules or files is collected and returned by make();
// nothing has been started then.
// Thread rule: made and run by the main thread.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/settings.h"
#include "daemon/clock.h"
#include "daemon/disk.h"
#include "daemon/http/server.h"
#include "daemon/outputs/delivery.h"
#include "daemon/published.h"
#include "daemon/store.h"

namespace picket {

class DeadLetterFile;
class Keeper;
class Pipeline;
class RuleSet;
struct SourceOptions;

// What the command line may say beside the configuration file.
struct RunOptions {
  std::string config = {};  // path; empty: the embedded default
  std::optional<uint32_t> workers = {};
  std::optional<uint64_t> batch_bytes = {};
};

class Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> make(const RunOptions& options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Returns when asked to stop (SIGTERM, SIGINT) or when every input has ended: an exit code.
  int run();

 private:
  struct RunningInput {
    std::unique_ptr<Input> input;
    std::unique_ptr<boost::asio::cancellation_signal> cancel;
  };

  // HTTP and signals, on a thread of their own.
  struct Control {
    boost::asio::io_context io{1};
    std::unique_ptr<HttpServer> http;
    std::thread thread;
  };

  // Push inputs serve their senders here, on a thread that the pipeline cannot block.
  struct Receiving {
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    std::thread thread;
  };

  explicit Runtime(Settings settings);

  // Building, each step adding to the diagnostics.
  void build_rules(Diagnostics& diagnostics);
  void build_state(Diagnostics& diagnostics);
  void build_outputs(Diagnostics& diagnostics);
  void build_pipeline();
  void build_inputs(Diagnostics& diagnostics);
  void build_http(Diagnostics& diagnostics);
  std::vector<SourceOptions> source_options(Diagnostics& diagnostics) const;
  void restore();

  void start_inputs();
  void report_inputs();
  void start_control();
  void stop_inputs();
  void shut_down();

  Settings settings_;
  SystemClock clock_;
  RealDisk disk_;
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DeadLetterFile> dead_letters_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  PublishedState published_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Pipeline> pipeline_;
  boost::asio::io_context input_io_{1};
  Receiving receiving_;
  std::deque<RunningInput> inputs_;
  Control control_;
};

}  // namespace picket
