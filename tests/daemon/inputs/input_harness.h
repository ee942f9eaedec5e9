// InputHarness: makes an input from YAML and runs it on an io_context, for tests of the real loops.
//
// Nothing sleeps: the loop runs until the sink has what the test waits for, or a deadline passes.
// Push inputs receive on a thread of their own, as in the daemon, and keep their spool in a folder
// that is gone after the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "daemon/inputs/input.h"
#include "daemon/inputs/listener_pool.h"
#include "tests/support/capture_sink.h"

namespace picket {

class InputHarness {
 public:
  static constexpr std::chrono::seconds kDeadline{10};

  ~InputHarness() {
    stop();
    std::filesystem::remove_all(state_folder);
  }

  // The input described by `yaml`, or why there is none.
  Result<std::unique_ptr<Input>> make(std::string_view type, const std::string& yaml) {
    PICKET_TRY(YamlFile file, parse_yaml(yaml, "test.yaml"));
    InputContext context{loop.get_executor(), sink, disk, clock, 0, "test"};
    context.checkpoints = sink.checkpoints();
    context.receive = receive.get_executor();
    context.state_folder = state_folder;
    context.listeners = &listeners;
    for (const InputKind& kind : input_kinds()) {
      if (kind.type == type) return kind.make(file.documents.at(0), std::move(context));
    }
    return fail({}, "no such kind");
  }

  void start(std::string_view type, const std::string& yaml) {
    auto made = make(type, yaml);
    ASSERT_TRUE(made) << made.error().at(0).message;
    input = *std::move(made);
    const Diagnostics problems = input->prepare();
    ASSERT_TRUE(problems.empty()) << problems.at(0).message;
    receive.restart();
    receive_work_.emplace(receive.get_executor());
    receive_thread_ = std::thread([this] { receive.run(); });
    ended = false;
    cancel_ = std::make_unique<boost::asio::cancellation_signal>();
    loop.restart();
    boost::asio::co_spawn(
        loop, input->run(),
        boost::asio::bind_cancellation_slot(cancel_->slot(), [this](std::exception_ptr error) {
          EXPECT_FALSE(error);
          ended = true;
        }));
    listeners.settle();
    loop.poll();  // so that it is at work before the test goes on
  }

  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop.run_one_for(std::chrono::milliseconds(100));
      if (loop.stopped() && !done()) return false;
    }
    return true;
  }
  bool run_until_lines(size_t count) {
    return run_until([&] { return sink.lines().size() >= count; });
  }

  // Cancels the input; its coroutine must end without an exception.
  void stop() {
    if (!input) return;
    cancel_->emit(boost::asio::cancellation_type::terminal);
    EXPECT_TRUE(run_until([&] { return ended; }));
    // What is still queued, the cancellation among it, must not meet the next coroutine.
    loop.restart();
    loop.poll();
    receive_work_.reset();  // the thread ends once the input has left nothing there
    receive_thread_.join();
    input.reset();
  }

  const std::string state_folder =
      testing::TempDir() + "picket_input_" + std::to_string(::getpid());
  boost::asio::io_context loop;
  boost::asio::io_context receive{1};
  ListenerPool listeners;
  CaptureSink sink;
  RealDisk disk;
  SystemClock clock;
  std::unique_ptr<Input> input;
  bool ended = true;

 private:
  std::unique_ptr<boost::asio::cancellation_signal> cancel_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>>
      receive_work_;
  std::thread receive_thread_;
};

}  // namespace picket
