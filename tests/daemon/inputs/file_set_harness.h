// TailHarness: a FileSet over a FakeDisk with a manual clock, for the hazard tests.
//
// A test changes the disk, calls settle() where the event loop would have been woken, and compares
// the multiset of lines: a line too many is as wrong as one too few.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/inputs/file_set.h"
#include "tests/support/capture_sink.h"
#include "tests/support/fake_disk.h"
#include "tests/support/manual_clock.h"

namespace picket {

using Lines = std::vector<std::string>;

inline Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

class TailHarness {
 public:
  static constexpr Duration kGrace{5000};

  explicit TailHarness(std::vector<std::string> patterns = {"/log/*.log"}) {
    options.patterns = std::move(patterns);
    options.from_beginning = true;
    options.grace = kGrace;
  }
  ~TailHarness() { EXPECT_EQ(sink.problems, Lines{}); }

  // A new process that knows these checkpoints. What the old one had not pushed is gone.
  void start(std::map<std::string, std::string> checkpoints = {}) {
    files_.reset();
    context_ = std::make_unique<InputContext>(InputContext{loop_.get_executor(), sink, disk, clock,
                                                           0, "test", batch_bytes, max_line,
                                                           std::move(checkpoints)});
    files_ = std::make_unique<FileSet>(options, *context_);
    settle();
  }
  void restart() { start(sink.checkpoints()); }

  // All names and files are looked at until nothing is left to read.
  void settle() {
    files_->scan();
    files_->poll(1000);
    int turns = 0;
    while (files_->turn() == TurnOutcome::More) ASSERT_LT(++turns, 100'000) << "never idle";
  }
  // Lets the grace period of rotated files pass.
  void pass_grace() {
    clock.advance(kGrace + Duration(1));
    settle();
  }

  Lines lines() const { return sorted(sink.lines()); }
  InputStats stats() const { return files_->stats(); }
  FileSet& files() { return *files_; }

  FakeDisk disk;
  ManualClock clock;
  CaptureSink sink;
  FileSetOptions options;
  uint64_t batch_bytes = 4096;
  uint64_t max_line = 1000;

 private:
  boost::asio::io_context loop_;
  std::unique_ptr<InputContext> context_;
  std::unique_ptr<FileSet> files_;
};

// `count` numbered lines that are long enough to tell one file from another.
inline std::string numbered(const std::string& name, int first, int count) {
  std::string text;
  for (int i = first; i < first + count; ++i)
    text += "{\"file\":\"" + name + "\",\"line\":" + std::to_string(i) + "}\n";
  return text;
}

inline Lines split_lines(const std::string& text) {
  Lines lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace picket
