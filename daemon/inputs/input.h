// Input: where lines come from. One file per kind, one line each in input_table.cc.
//
// An input turns bytes into LineBatches and pushes them into the BatchSink. It owns no thread: all
// inputs run as coroutines on one single-threaded io_context. push() may block that thread: that is
// the backpressure, and it hits every input alike because they share the pipeline.
//
// Contract
//  1. Every byte of a stream is in exactly one batch, in order. A batch of kind Lines holds whole
//     lines only. A line that is not finished yet is held back; at the end of a stream that is
//     known to be finished it is pushed without its '\n'.
//  2. The checkpoint in a batch says where to resume once that batch is committed, not before.
//  3. A line longer than max_line becomes one OversizeLine batch (its first 64 KiB and its length);
//     the lines around it are unharmed.
//  4. Nothing is logged per line. Counters are plain fields of InputStats, copied out by stats().
//  5. Building an input leaves no trace (`check` builds and throws away); prepare() takes what only
//     a running daemon may take.
//
// Push inputs, whose senders do not keep what was acknowledged, receive on a second thread that the
// pipeline cannot block (InputContext::receive), and put what they get into a spool before they
// acknowledge it. run() reads the spool back (spool_feed.h). What they listen on is not theirs
// (listener_pool.h).
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"
#include "config/result.h"
#include "daemon/clock.h"
#include "daemon/disk.h"
#include "rules/batch.h"
#include "rules/types.h"

namespace picket {

class ListenerPool;

// What the pipeline needs to know of a stream before its first batch.
struct StreamInfo {
  SourceId source = 0;
  std::string file = {};  // path or a name such as "-"; shown in dead letters and results
  // What a stream that goes on after a restart is known by, among those of its source; 0 will do
  // where there is one at a time.
  uint64_t identity = 0;
};

class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // Announces a stream; its batches may follow. Ends with a batch of kind EndOfStream.
  virtual StreamId open_stream(StreamInfo info) = 0;
  // Blocks while the pipeline is full. False once the pipeline is closing: stop reading.
  virtual bool push(LineBatch batch) = 0;
};

// Why a push input turned something away.
enum class PushRefusal : uint8_t {
  Unauthorized,
  NotFound,
  Method,
  MediaType,  // of the body or its encoding
  Malformed,  // no HTTP, or a body that does not unpack
  TooLarge,
  SpoolFull,
  DiskError,
  Busy,         // too many bytes or connections at once
  Interrupted,  // the server gave up on it, or failed
  Count_,
};
constexpr size_t kPushRefusals = static_cast<size_t>(PushRefusal::Count_);
constexpr std::array<std::string_view, kPushRefusals> kPushRefusalNames = {
    "unauthorized", "not_found",  "method",     "media_type", "malformed",
    "too_large",    "spool_full", "disk_error", "busy",       "interrupted"};

// What push inputs count beside what all do.
struct PushStats {
  uint64_t requests = 0;  // HTTP requests, or pieces of a socket's stream that were spooled
  std::array<uint64_t, kPushRefusals> refused = {};  // those of them that were turned away
  uint64_t connections = 0;
  uint64_t spool_bytes = 0;  // on disk
  uint64_t spool_bytes_max = 0;
  uint64_t spool_records = 0;
  uint64_t spool_syncs = 0;
  uint64_t spool_errors = 0;
  bool spool_failing = false;     // the newest try to write it failed
  uint64_t spool_lost_bytes = 0;  // acknowledged, but damaged or gone when they were to be read
  uint64_t spool_torn_bytes = 0;  // of a tail that nobody was told of
};

struct InputStats {
  uint64_t bytes_read = 0;
  uint64_t files_open = 0;
  uint64_t lag_bytes_total = 0;  // written but not yet read, over all files of the input
  uint64_t lag_bytes_max = 0;    // the same, of the file furthest behind
  uint64_t rotations = 0;
  uint64_t truncations = 0;
  uint64_t read_errors = 0;
  uint64_t gaps = 0;               // times that something may have been gone before it was read
  uint64_t folders_unwatched = 0;  // exist, but inotify could not watch them: they are polled
  std::string last_error = {};     // empty while all is well
  std::optional<PushStats> push = {};
};

// What every input is given. References outlive the input.
struct InputContext {
  boost::asio::any_io_executor executor;
  BatchSink& sink;
  Disk& disk;
  const Clock& clock;
  SourceId source = 0;
  std::string name = {};
  uint64_t batch_bytes = 1 << 20;
  uint64_t max_line = 16 << 20;
  std::map<std::string, std::string> checkpoints = {};  // key -> value as committed
  // Runs on one thread that never waits for the pipeline, if the input receives().
  boost::asio::any_io_executor receive = {};
  std::string state_folder = ".";     // where an input may keep files of its own
  ListenerPool* listeners = nullptr;  // null: the input is only looked at and never prepared
};

class Input {
 public:
  virtual ~Input() = default;
  // Called once before run(): takes ports, makes folders. Errors stop the start of the daemon.
  virtual Diagnostics prepare() { return {}; }
  // Runs until the data ends or the coroutine is cancelled. Reports world failures through stats()
  // and retries; never throws.
  virtual boost::asio::awaitable<void> run() = 0;
  // Whether it uses InputContext::receive.
  virtual bool receives() const { return false; }
  // Called on the input thread only.
  virtual InputStats stats() const = 0;
  // Some time after a checkpoint of this input was committed, and not for each: the newest of its
  // key. Called on the input thread only.
  virtual void committed(const Checkpoint& checkpoint) { (void)checkpoint; }
};

// Builds an input of one kind from its config node ("type" already looked at). `keys` common to all
// inputs (kCommonInputKeys in config/settings.h) are passed over.
using MakeInput = Result<std::unique_ptr<Input>> (*)(const Node& node, InputContext context);

struct InputKind {
  std::string_view type;
  MakeInput make;
};

// All kinds, in input_table.cc.
const std::vector<InputKind>& input_kinds();

}  // namespace picket
