// InputHarness: makes an input from YAML and runs it on an io_context, for tests of the real loops.
//
// Nothing sleeps: the loop runs until the sink has what the test waits for, or a deadline passes.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/inputs/input.h"
#include "tests/support/capture_sink.h"

namespace picket {

class InputHarness {
 public:
  static constexpr std::chrono::seconds kDeadline{10};

  ~InputHarness() { stop(); }

  // The input described by `yaml`, or why there is none.
  Result<std::unique_ptr<Input>> make(std::string_view type, const std::string& yaml) {
    PICKET_TRY(YamlFile file, parse_yaml(yaml, "test.yaml"));
    InputContext context{loop.get_executor(), sink, disk, clock, 0, "test"};
    context.checkpoints = sink.checkpoints();
    for (const InputKind& kind : input_kinds()) {
      if (kind.type == type) return kind.make(file.documents.at(0), std::move(context));
    }
    return fail({}, "no such kind");
  }

  void start(std::string_view type, const std::string& yaml) {
    auto made = make(type, yaml);
    ASSERT_TRUE(made) << made.error().at(0).message;
    input = *std::move(made);
    ended = false;
    loop.restart();
    boost::asio::co_spawn(
        loop, input->run(),
        boost::asio::bind_cancellation_slot(cancel_.slot(), [this](std::exception_ptr error) {
          EXPECT_FALSE(error);
          ended = true;
        }));
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
    cancel_.emit(boost::asio::cancellation_type::terminal);
    EXPECT_TRUE(run_until([&] { return ended; }));
    input.reset();
  }

  boost::asio::io_context loop;
  CaptureSink sink;
  RealDisk disk;
  SystemClock clock;
  std::unique_ptr<Input> input;
  bool ended = true;

 private:
  boost::asio::cancellation_signal cancel_;
};

}  // namespace picket
