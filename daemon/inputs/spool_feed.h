// SpoolFeed: the part that all push inputs share: a spool, and the way from it into the pipeline.
//
// It opens the spool of an input (`<state folder>/spool/<name>`), reads what becomes durable there,
// and pushes it with a checkpoint under the key "spool": "1 OFFSET", where 1 is the version of that
// text. Once a checkpoint is committed, the segments before it go.
//
// Invariants
//  1. Every durable byte is pushed once, from the committed offset on, in the order of the spool.
//  2. A line longer than max_line becomes an oversize line, whoever spooled it.
// Thread rule: spool() is for any thread; everything else belongs to the input thread.
// Errors: a spool that cannot be read is tried again every second and told by last_error.
// Tested by tests/daemon/inputs/spool_feed_test.cc.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "daemon/inputs/input.h"
#include "daemon/inputs/line_cutter.h"
#include "daemon/inputs/spool.h"
#include "daemon/inputs/spool_reader.h"

namespace picket {

class SpoolFeed {
 public:
  // `context` outlives the feed. Leaves no trace yet.
  SpoolFeed(const InputContext& context, uint64_t bytes_max);

  // Opens the spool and starts its thread.
  Diagnostics prepare();
  // REQUIRES: prepare() went well.
  Spool& spool() { return *spool_; }

  // Until cancelled or the pipeline is closing.
  boost::asio::awaitable<void> run();
  // One read of the spool, as run() does them. REQUIRES: start() or run() was called.
  enum class Turn : uint8_t { More, Idle, Failed, Closed };
  Turn turn();
  // Announces the stream.
  void start();

  void committed(const Checkpoint& checkpoint);
  // Adds what it knows of; leaves the other fields alone.
  void add_to(InputStats& stats) const;

  // The folder of an input's spool. Names are harmless in it, whatever the input is called.
  static std::string folder_for(const InputContext& context);

 private:
  // Wakes run(). Shared with what other threads have posted.
  struct Bell {
    explicit Bell(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    bool rung = false;
  };

  Turn turns();
  boost::asio::awaitable<void> pause(Turn turn);
  bool push(LineBatch batch);
  bool push_oversize();

  const InputContext& context_;
  const uint64_t bytes_max_;
  const std::shared_ptr<Bell> bell_;
  LineCutter cutter_;
  std::unique_ptr<Spool> spool_;
  std::optional<SpoolReader> reader_;
  std::string oversize_;  // what was read of such a record so far
  StreamId stream_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t read_errors_ = 0;
  std::string last_error_;
};

}  // namespace picket
