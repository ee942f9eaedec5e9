// picket-traffic: writes rows of Traffic to a file or standard output, either as fast as possible
// (--count) or as time passes (--rate), so that there is something to watch without an API.
// With --scenario it writes a Scenario instead: callers of known intent, and the truth about them.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "rules/types.h"
#include "tests/support/scenario.h"
#include "tests/support/traffic.h"
#include "tests/support/traffic_actors.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

constexpr size_t kFlushBytes = 1 << 20;
constexpr std::chrono::milliseconds kTick{100};

struct MainOptions {
  TrafficOptions traffic = {};
  std::string start = {};
  int64_t jitter_ms = 0;
  bool pre_25_8 = false;
  uint64_t count = 0;     // 0: no end by count
  double duration_s = 0;  // live only; 0: until a signal comes
  bool live = false;
  std::string out = "-";
  uint64_t rotate_rows = 0;
  double scenario_hours = 0;
  ScenarioOptions scenario = {};
  std::string truth = {};  // file for the truth about a scenario
};

// The file that rows go to. It is opened for appending, and rotated the way logrotate does it: the
// old file is renamed, so that a reader has to notice.
class Sink {
 public:
  explicit Sink(std::string path) : path_(std::move(path)) {}
  ~Sink() { close(); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  bool open() {
    if (path_ == "-") {
      fd_ = STDOUT_FILENO;
      return true;
    }
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return fd_ >= 0;
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }
  bool rotate() {
    if (path_ == "-") return true;
    close();
    return ::rename(path_.c_str(), (path_ + ".1").c_str()) == 0 && open();
  }

 private:
  void close() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
    fd_ = -1;
  }

  std::string path_;
  int fd_ = -1;
};

Timestamp wall_time() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// Sleeps one tick; true when it is time to stop. The signals are blocked, so none gets lost.
bool stop_asked(const sigset_t& signals) {
  const timespec tick{0, std::chrono::nanoseconds(kTick).count()};
  return sigtimedwait(&signals, nullptr, &tick) > 0;
}

// Writes rows with the right rotation in between.
class Writer {
 public:
  Writer(const MainOptions& options, Sink& sink)
      : options_(options), sink_(sink), traffic_(options.traffic) {}

  bool done() const { return rows_ >= options_.count && options_.count > 0; }
  Timestamp clock() const { return traffic_.clock(); }

  bool add_row() {
    traffic_.next(buffer_);
    ++rows_;
    const bool rotate = options_.rotate_rows > 0 && rows_ % options_.rotate_rows == 0;
    if (buffer_.size() < kFlushBytes && !rotate) return true;
    return flush() && (!rotate || sink_.rotate());
  }
  bool flush() {
    const bool written = sink_.write(buffer_);
    buffer_.clear();
    return written;
  }

 private:
  const MainOptions& options_;
  Sink& sink_;
  Traffic traffic_;
  std::string buffer_;
  uint64_t rows_ = 0;
};

bool write_offline(const MainOptions& options, Sink& sink) {
  Writer writer(options, sink);
  while (!writer.done()) {
    if (!writer.add_row()) return false;
  }
  return writer.flush();
}

bool write_live(MainOptions options, Sink& sink) {
  const sigset_t signals = stop_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  options.traffic.start = wall_time();
  const double end_s = options.duration_s > 0 ? options.duration_s : 1e9;
  const Timestamp end = options.traffic.start + Duration(static_cast<int64_t>(end_s * 1000));
  Writer writer(options, sink);
  while (!writer.done() && writer.clock() < end) {
    while (!writer.done() && writer.clock() <= wall_time()) {
      if (!writer.add_row()) return false;
    }
    if (!writer.flush()) return false;
    if (stop_asked(signals)) break;
  }
  return writer.flush();
}

bool write_scenario(const MainOptions& options, Sink& sink) {
  ScenarioOptions wanted = options.scenario;
  wanted.seed = options.traffic.seed;
  wanted.style = options.traffic.style;
  if (!options.start.empty()) wanted.start = options.traffic.start;
  if (options.jitter_ms > 0) wanted.spread = options.traffic.jitter;
  wanted.length = Duration(static_cast<int64_t>(options.scenario_hours * 3'600'000));
  const Scenario scenario = make_scenario(wanted);
  std::string buffer;
  for (const ScenarioRow& row : scenario.rows) {
    buffer.append(row.text).append("\n");
    if (buffer.size() < kFlushBytes) continue;
    if (!sink.write(buffer)) return false;
    buffer.clear();
  }
  if (!sink.write(buffer)) return false;
  if (options.truth.empty()) return true;
  Sink truth(options.truth);
  return truth.open() && truth.write(truth_lines(scenario));
}

bool write_rows(const MainOptions& options, Sink& sink) {
  if (options.scenario_hours > 0) return write_scenario(options, sink);
  return options.live ? write_live(options, sink) : write_offline(options, sink);
}

// RFC 3339 or milliseconds since 1970.
std::optional<Timestamp> parse_start(const std::string& text) {
  int64_t ms = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, ms);
  if (error == std::errc() && rest == end) return timestamp_ms(ms);
  return parse_rfc3339(text);
}

void declare(CLI::App& app, MainOptions& options) {
  app.add_option("--seed", options.traffic.seed, "Equal seeds give equal rows");
  app.add_option("--rate", options.traffic.rate, "Rows per second (alone: live, times are now)")
      ->check(CLI::Range(0.001, 1e9));
  app.add_option("--count", options.count, "Write N rows as fast as possible, then end");
  app.add_option("--start", options.start, "Event time of the first row, with --count");
  app.add_option("--out", options.out, "File to append to, or - for standard output");
  app.add_option("--duration", options.duration_s, "Live: end after this many seconds");
  app.add_option("--rotate-every", options.rotate_rows,
                 "Rename the file to FILE.1 after every N rows and start a new one");
  app.add_option("--row-bytes", options.traffic.row_bytes, "Average length of a row to aim for")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--jitter", options.jitter_ms,
                 "Milliseconds by which a row may come later than its time says");
  app.add_flag("--pre-25-8", options.pre_25_8, "Print rows as ClickHouse before 25.8 does");
  app.add_option("--workspaces", options.traffic.workspaces, "How many honest workspaces");
  app.add_option("--actor", options.traffic.actors,
                 "Misbehaving kinds to include (default: all; none: nobody misbehaves)");
  auto* scenario =
      app.add_option("--scenario", options.scenario_hours,
                     "Write this many hours of callers whose intent is known, then end")
          ->check(CLI::Range(0.01, 1000.0));
  app.add_option("--honest", options.scenario.honest, "Honest callers of a scenario")
      ->needs(scenario);
  app.add_option("--hostile", options.scenario.hostile, "Hostile callers of a scenario")
      ->needs(scenario);
  app.add_option("--truth", options.truth, "File to append the truth about a scenario to")
      ->needs(scenario);
}

// The problem with the command line, or empty.
std::string problem(const CLI::App& app, MainOptions& options) {
  options.live = app.count("--count") == 0;
  if (options.live && app.count("--rate") == 0 && options.scenario_hours == 0) {
    return "give --rate, --count or --scenario";
  }
  if (!options.start.empty()) {
    const auto start = parse_start(options.start);
    if (!start) return "--start is neither an RFC 3339 time nor milliseconds";
    options.traffic.start = *start;
  }
  for (const std::string& name : options.traffic.actors) {
    bool known = name == "none";
    for (const ActorKind& kind : actor_kinds()) known = known || kind.name == name;
    if (!known) return "--actor: no kind is called " + name;
  }
  options.traffic.jitter = Duration(options.jitter_ms);
  options.traffic.style = options.pre_25_8 ? RowStyle::Pre258 : RowStyle::Plain;
  return {};
}

int run(int argc, char** argv) {
  MainOptions options;
  CLI::App app("Writes imitation API request logs, misbehaving callers included.");
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  if (const std::string text = problem(app, options); !text.empty()) {
    std::fprintf(stderr, "picket-traffic: %s\n", text.c_str());
    return 2;
  }
  Sink sink(options.out);
  const bool written = sink.open() && write_rows(options, sink);
  if (!written) {
    std::fprintf(stderr, "picket-traffic: %s: %s\n", options.out.c_str(), std::strerror(errno));
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) { return picket::run(argc, argv); }
