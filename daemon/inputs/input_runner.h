// InputRunner: an input that runs, with everything that belongs to it alone: its gate, what cancels
// it, and the thread on which it receives, if it does.
//
// Phases: make(), prepare(), start(), end(). One that was not started is just destroyed.
// Thread rule: made, started and ended by one thread, which is not the input thread; stats() and
// committed() on the input thread, or once end() has returned.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "config/settings.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/input_gate.h"
#include "daemon/mutex.h"

namespace picket {

// What all runners share. References outlive them.
struct RunnerContext {
  boost::asio::io_context& input_io;  // runs on the input thread
  Disk& disk;
  const Clock& clock;
  uint64_t batch_bytes = 1 << 20;
  ListenerPool& listeners;
  std::string state_folder = ".";
  std::function<void()> on_end =
      {};  // called on the input thread when an input has ended by itself
};

class InputRunner {
 public:
  using Checkpoints = std::map<std::string, std::string>;

  // `identity`: all that it is made from, see Plan.
  static Result<std::unique_ptr<InputRunner>> make(const InputSettings& settings,
                                                   std::string identity,
                                                   const RunnerContext& context,
                                                   Checkpoints checkpoints);
  // Ends what still runs.
  ~InputRunner();
  InputRunner(const InputRunner&) = delete;
  InputRunner& operator=(const InputRunner&) = delete;

  // Takes what only a running daemon may take. Before start().
  Diagnostics prepare() { return input_->prepare(); }
  // Lets the input run on the input thread; it waits at the gate until that is opened.
  void start();
  // Asks the input to end; its gate must be open or shut, else it may wait there.
  void cancel();
  // Waits until it has ended and its senders were answered, whose deadlines bound that. REQUIRES:
  // start() and cancel() were called.
  void end();

  InputGate& gate() { return gate_; }
  const std::string& name() const { return name_; }
  const std::string& identity() const { return identity_; }
  // Any thread: the input has nothing more to say, as at the end of a pipe.
  bool ended() const;
  // Counters go on from those of the runner before this one, if there was one.
  InputStats stats() const;
  // Before start().
  void count_on(InputStats before) { before_ = std::move(before); }
  void committed(const Checkpoint& checkpoint) { input_->committed(checkpoint); }

 private:
  using WorkGuard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  // A thread that the pipeline cannot block.
  struct Receiving {
    boost::asio::io_context io{1};
    WorkGuard work{io.get_executor()};
    std::thread thread;
  };

  InputRunner(const InputSettings& settings, std::string identity, const RunnerContext& context);

  const std::string name_;
  const std::string identity_;
  boost::asio::io_context& input_io_;
  const std::function<void()> on_end_;
  Receiving receiving_;
  InputGate gate_;
  std::unique_ptr<Input> input_;
  std::shared_ptr<boost::asio::cancellation_signal> cancel_ =
      std::make_shared<boost::asio::cancellation_signal>();
  InputStats before_;
  bool started_ = false;
  mutable Mutex mutex_;
  CondVar changed_;
  bool ended_ PICKET_THREAD(guarded_by(mutex_)) = false;
};

}  // namespace picket
