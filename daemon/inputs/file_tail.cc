// The `file` input: follows the files that a list of patterns names.
//
//   - type: file
//     name: api
//     paths: [/var/log/api/*.log]
//     start: end              # or beginning: for files found at start-up without a checkpoint
//     poll_interval: 200ms    # beside inotify; the only means where that does not work
//     follow_symlinks: false  # false: no link below the part of a path without wildcards
//
// This file is the loop: it waits for inotify or the timer and tells FileSet what to look at.
// FileSet (file_set.h) knows the hazards; nothing is decided here.
//
// Cost while idle: one wake-up per poll_interval, which looks at kPollFiles files at most, and a
// scan of the names every kScanInterval. There is no timer or watch per file.
//
// Tested by tests/daemon/inputs/file_tail_*_test.cc.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <memory>
#include <utility>

#include "config/settings.h"
#include "daemon/inputs/file_set.h"
#include "daemon/inputs/folder_watch.h"
#include "daemon/inputs/input.h"

namespace picket {
namespace {

using std::chrono::milliseconds;

constexpr size_t kPollFiles = 512;
constexpr milliseconds kScanInterval{5000};
// While something is wrong with a path, or a folder cannot be watched.
constexpr milliseconds kAnxiousScanInterval{1000};
constexpr milliseconds kPollMin{10};

struct Options {
  FileSetOptions files = {};
  milliseconds poll_interval{200};
};

Result<Options> parse(const Node& node) {
  Diagnostics diagnostics;
  MapReader reader(node, "file input", diagnostics);
  for (const char* common : kCommonInputKeys) reader.optional(common);
  Options options;
  if (const Node* paths = reader.require("paths")) {
    options.files.patterns = reader.strings("paths");
    if (options.files.patterns.empty() && diagnostics.empty())
      diagnostics.push_back({paths->where(), "'paths' is empty", "name at least one file"});
    for (const std::string& pattern : options.files.patterns) {
      if (pattern.empty()) diagnostics.push_back({paths->where(), "'paths' has an empty entry"});
    }
  }
  const std::string start = reader.string("start", "end");
  if (start != "end" && start != "beginning") {
    const Node* at = reader.optional("start");
    diagnostics.push_back({at ? at->where() : node.where(),
                           "'start' must be 'beginning' or 'end', not '" + start + "'"});
  }
  options.files.from_beginning = start == "beginning";
  options.poll_interval = reader.duration("poll_interval", options.poll_interval);
  if (options.poll_interval < kPollMin) {
    const Node* at = reader.optional("poll_interval");
    diagnostics.push_back(
        {at ? at->where() : node.where(), "'poll_interval' must be at least 10ms"});
  }
  if (reader.boolean("follow_symlinks", false)) options.files.symlinks = Symlinks::Follow;
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

class FileTail final : public Input {
 public:
  FileTail(Options options, InputContext context)
      : options_(std::move(options)),
        context_(std::move(context)),
        files_(options_.files, context_),
        watch_(context_.executor) {}

  boost::asio::awaitable<void> run() override;
  InputStats stats() const override;

 private:
  boost::asio::awaitable<void> pause();
  void scan();
  void look_around();

  const Options options_;
  const InputContext context_;
  FileSet files_;
  FolderWatch watch_;
  bool all_watched_ = false;
  std::chrono::steady_clock::time_point next_scan_ = {};
  std::chrono::steady_clock::time_point next_poll_ = {};
};

boost::asio::awaitable<void> FileTail::run() {
  namespace this_coro = boost::asio::this_coro;
  co_await this_coro::throw_if_cancelled(false);
  for (;;) {
    look_around();
    const TurnOutcome outcome = files_.turn();
    if (outcome == TurnOutcome::Closed) co_return;
    if (outcome == TurnOutcome::More) {
      // The other inputs run on this thread too.
      co_await boost::asio::post(context_.executor, boost::asio::use_awaitable);
    } else {
      co_await pause();
    }
    const auto state = co_await this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
  }
}

InputStats FileTail::stats() const {
  InputStats now = files_.stats();
  now.folders_unwatched = watch_.unwatched();
  return now;
}

// Until inotify has news or it is time to poll.
boost::asio::awaitable<void> FileTail::pause() {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto left = next_poll_ - context_.clock.steady();
  boost::asio::steady_timer timer(context_.executor, std::max(left, decltype(left)::zero()));
  if (watch_.available()) {
    co_await (timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable)) || watch_.wait());
  } else {
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
}

void FileTail::look_around() {
  const FolderWatch::Changes changes = watch_.take();
  const auto now = context_.clock.steady();
  for (const std::string& path : changes.written) files_.touch(path);
  if (changes.names || now >= next_scan_) scan();
  if (now >= next_poll_) {
    files_.poll(all_watched_ ? kPollFiles : std::numeric_limits<size_t>::max());
    next_poll_ = now + options_.poll_interval;
  }
}

void FileTail::scan() {
  // Watched first: a name that comes between the two is then seen by one of them.
  all_watched_ = watch_.watch(files_.folders());
  files_.scan();
  const bool anxious = !all_watched_ || files_.troubled();
  next_scan_ = context_.clock.steady() +
               (anxious ? std::max(kAnxiousScanInterval, options_.poll_interval) : kScanInterval);
}

}  // namespace

Result<std::unique_ptr<Input>> make_file_input(const Node& node, InputContext context) {
  PICKET_TRY(Options options, parse(node));
  return std::make_unique<FileTail>(std::move(options), std::move(context));
}

}  // namespace picket
