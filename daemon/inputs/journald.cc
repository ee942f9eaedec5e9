// The `journald` input: messages of the systemd journal, followed by cursor.
//
//   - type: journald
//     name: api
//     units: [unkey-api]                # ".service" may be left out
//     matches: {_TRANSPORT: stdout}     # further fields; every field must match, with one of its
//     values start: end                        # or beginning, or how far back: 2h directory:
//     /var/log/journal/remote   # instead of this machine's own journal
//
// One entry is one line: line breaks in it become spaces. In JSON they carry no meaning, and text
// that a stranger got into a message cannot pass for a line of its own.
//
// picket's own entries are passed over, or each alert that it writes there would be read as an
// event. They are known by fields that journald itself fills in; going by what a sender may choose
// (SYSLOG_IDENTIFIER) would let anybody hide behind picket's name.
//
// The position is the cursor of the last entry that was taken. When that entry is gone (vacuumed,
// or the journal was replaced), reading goes on with the first one that is younger, and a gap is
// counted.
//
// Tested by tests/daemon/inputs/journald_test.cc.
#include <fmt/format.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "config/settings.h"
#include "daemon/inputs/fetched_lines.h"
#include "daemon/inputs/input.h"
#include "daemon/log.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kKey = "cursor";
constexpr std::string_view kVersion = "1 ";
// Looked at this often even when nothing wakes us: a journal on a network file system tells nobody.
constexpr std::chrono::seconds kLookEvery{5};
constexpr std::chrono::seconds kRetryAfter{1};
// Entries of one batch, whose arrival it shares, are no further apart.
constexpr int64_t kBatchSpanMs = 1'000;

struct Options {
  std::vector<std::string> matches = {};       // "FIELD=value"
  std::string directory = {};                  // empty: this machine's journal
  std::optional<Duration> back = Duration(0);  // where to begin at first; nothing: at the beginning
};

bool is_field_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void parse_matches(const Node& matches, Options& options, Diagnostics& diagnostics) {
  if (!matches.is_map()) {
    diagnostics.push_back({matches.where(), "'matches' must be a map of fields to values"});
  }
  for (const auto& [key, value] : matches.entries()) {
    if (!is_field_name(key.text())) {
      diagnostics.push_back({key.where(), fmt::format("'{}' is not a journal field", key.text()),
                             "they are written in capitals, such as _SYSTEMD_UNIT"});
    }
    const auto values = read_strings(value, diagnostics).value_or(std::vector<std::string>());
    for (const std::string& text : values) options.matches.push_back(key.text() + "=" + text);
  }
}

Result<Options> parse(const Node& node) {
  Diagnostics diagnostics;
  MapReader reader(node, "journald input", diagnostics);
  for (const char* common : kCommonInputKeys) reader.optional(common);
  Options options;
  for (std::string unit : reader.strings("units")) {
    if (unit.find('.') == unit.npos) unit += ".service";
    options.matches.push_back("_SYSTEMD_UNIT=" + unit);
  }
  if (const Node* matches = reader.optional("matches")) {
    parse_matches(*matches, options, diagnostics);
  }
  options.directory = reader.string("directory", "");
  const std::string start = reader.string("start", "end");
  if (start == "beginning") {
    options.back.reset();
  } else if (start != "end") {
    options.back = reader.duration("start", Duration(0));
  }
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return options;
}

// What journald says of this process in every entry.
struct Self {
  std::string unit = {};  // "_SYSTEMD_UNIT=...", empty when picket is no service
  std::string exe = {};
  std::string pid = {};
  std::string boot = {};
};

Self find_self() {
  Self self;
  char* unit = nullptr;
  if (::sd_pid_get_unit(0, &unit) >= 0 && std::string_view(unit).ends_with(".service")) {
    self.unit = fmt::format("_SYSTEMD_UNIT={}", unit);
  }
  std::free(unit);
  std::array<char, PATH_MAX> exe{};
  const ssize_t length = ::readlink("/proc/self/exe", exe.data(), exe.size());
  if (length > 0) self.exe = "_EXE=" + std::string(exe.data(), static_cast<size_t>(length));
  self.pid = fmt::format("_PID={}", ::getpid());
  sd_id128_t boot;
  std::array<char, SD_ID128_STRING_MAX> text{};
  if (::sd_id128_get_boot(&boot) >= 0) {
    self.boot = fmt::format("_BOOT_ID={}", ::sd_id128_to_string(boot, text.data()));
  }
  return self;
}

// Microseconds since 1970 of a saved position: "@USEC" or a cursor, which has them as "t=HEX".
std::optional<uint64_t> time_of(std::string_view position) {
  const bool plain = position.starts_with('@');
  const size_t at = plain ? 1 : position.find("t=") + 2;
  if (!plain && position.find("t=") == position.npos) return std::nullopt;
  uint64_t time = 0;
  const auto [end, error] = std::from_chars(position.data() + at, position.data() + position.size(),
                                            time, plain ? 10 : 16);
  if (error != std::errc()) return std::nullopt;
  return time;
}

class Journald final : public Input {
 public:
  Journald(Options options, InputContext context)
      : options_(std::move(options)), context_(std::move(context)), wait_(context_.executor) {}
  ~Journald() override { close(); }

  Diagnostics prepare() override;
  asio::awaitable<void> run() override;
  InputStats stats() const override { return stats_; }

 private:
  enum class Turn : uint8_t { More, Idle, Failed, Closed };

  std::error_code open();
  void close();
  std::error_code seek();
  bool still_there() const;
  Turn read_batch();
  bool take_entry(std::string_view message);
  bool is_ours() const;
  bool has_field(const std::string& text) const;
  Timestamp arrival() const;
  Checkpoint checkpoint() const { return {std::string(kKey), std::string(kVersion) + position_}; }
  bool flush() { return lines_.empty() || lines_.push(arrival(), checkpoint()); }
  asio::awaitable<void> pause(Turn turn);
  Turn failed(std::string_view what, std::error_code error);

  const Options options_;
  const InputContext context_;
  const Self self_ = find_self();
  asio::posix::stream_descriptor wait_;
  sd_journal* journal_ = nullptr;
  std::string position_;  // a cursor, or '@' and a time; empty: the very beginning
  FetchedLines lines_{context_.sink};
  int64_t first_ms_ = 0;  // when the first entry that waits there was written
  InputStats stats_ = {};
};

std::error_code code_of(int result) { return {result < 0 ? -result : 0, std::system_category()}; }

Diagnostics Journald::prepare() {
  const auto saved = context_.checkpoints.find(std::string(kKey));
  if (saved != context_.checkpoints.end()) {
    if (!saved->second.starts_with(kVersion)) {
      return {{{},
               fmt::format("input '{}': the saved position cannot be read", context_.name),
               "it was written by a newer picket; name the input otherwise to begin anew"}};
    }
    position_ = saved->second.substr(kVersion.size());
  } else if (options_.back) {
    position_ = fmt::format("@{}", to_ms(context_.clock.now() - *options_.back) * 1'000);
  }
  const std::error_code error = open();
  if (error) {
    return {{{},
             fmt::format("input '{}': the journal cannot be opened: {}", context_.name,
                         error.message())}};
  }
  if (options_.directory.empty() && ::sd_journal_has_persistent_files(journal_) <= 0 &&
      ::sd_journal_has_runtime_files(journal_) <= 0) {
    log_warning(
        "input '{}': there is no journal that picket may read; see systemd-journal(5) groups",
        context_.name);
  }
  return {};
}

// Opens the journal behind position_.
std::error_code Journald::open() {
  int result = options_.directory.empty()
                   ? ::sd_journal_open(&journal_, SD_JOURNAL_LOCAL_ONLY)
                   : ::sd_journal_open_directory(&journal_, options_.directory.c_str(), 0);
  if (result < 0) return code_of(result);
  // A longer message is a dead letter; there is no need to unpack all of it.
  ::sd_journal_set_data_threshold(journal_, context_.max_line + (64 << 10));
  const int fd = ::sd_journal_get_fd(journal_);
  const int copy = fd < 0 ? fd : ::dup(fd);
  if (copy < 0) return code_of(fd < 0 ? fd : -errno);
  boost::system::error_code ignored;
  wait_.assign(copy, ignored);
  return seek();
}

void Journald::close() {
  boost::system::error_code ignored;
  wait_.close(ignored);
  if (journal_) ::sd_journal_close(journal_);
  journal_ = nullptr;
}

// True when the entry at the cursor position_ exists, whatever it says.
bool Journald::still_there() const {
  return ::sd_journal_seek_cursor(journal_, position_.c_str()) >= 0 &&
         ::sd_journal_next(journal_) > 0 &&
         ::sd_journal_test_cursor(journal_, position_.c_str()) > 0;
}

// The next entry read is the first one behind position_.
std::error_code Journald::seek() {
  const bool cursor = !position_.empty() && position_[0] != '@';
  const bool found = cursor && still_there();
  if (cursor && !found) ++stats_.gaps;
  for (const std::string& match : options_.matches) {
    const int result = ::sd_journal_add_match(journal_, match.data(), match.size());
    if (result < 0) return code_of(result);
  }
  if (position_.empty()) return code_of(::sd_journal_seek_head(journal_));
  if (!found) {
    const auto time = time_of(position_);
    if (!time) return code_of(::sd_journal_seek_head(journal_));
    return code_of(::sd_journal_seek_realtime_usec(journal_, *time + (cursor ? 1 : 0)));
  }
  int result = ::sd_journal_seek_cursor(journal_, position_.c_str());
  if (result >= 0) result = ::sd_journal_next(journal_);
  // With other matches than before, the first one may be another entry, which is new.
  if (result > 0 && ::sd_journal_test_cursor(journal_, position_.c_str()) <= 0) {
    result = ::sd_journal_seek_cursor(journal_, position_.c_str());
  }
  return code_of(result);
}

asio::awaitable<void> Journald::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  lines_.open({context_.source, options_.directory.empty() ? "journal" : options_.directory});
  // So that a restart before the first entry goes on from here, and not from its own present.
  bool going =
      !context_.checkpoints.empty() || position_.empty() || lines_.push(arrival(), checkpoint());
  while (going) {
    const Turn turn = read_batch();
    if (turn == Turn::Closed) co_return;
    co_await pause(turn);
    const auto state = co_await asio::this_coro::cancellation_state;
    going = state.cancelled() == asio::cancellation_type::none;
  }
}

Journald::Turn Journald::read_batch() {
  if (!journal_) {
    if (const std::error_code error = open()) return failed("the journal cannot be opened", error);
    stats_.last_error.clear();
  }
  const uint64_t begin = lines_.offset();
  while (lines_.offset() - begin < context_.batch_bytes) {
    const int result = ::sd_journal_next(journal_);
    if (result < 0) {
      return flush() ? failed("the journal cannot be read", code_of(result)) : Turn::Closed;
    }
    if (result == 0) {
      return flush() ? Turn::Idle : Turn::Closed;
    }
    const void* data = nullptr;
    size_t size = 0;
    const int got = ::sd_journal_get_data(journal_, "MESSAGE", &data, &size);
    if (got == -ENOENT) continue;  // nothing was said
    if (got < 0) {
      // Damaged. Its neighbours need not be.
      ++stats_.read_errors;
      stats_.last_error = fmt::format("an entry cannot be read: {}", code_of(got).message());
      continue;
    }
    std::string message(static_cast<const char*>(data), size);
    message.erase(0, std::string_view("MESSAGE=").size());
    if (is_ours()) continue;
    if (!take_entry(message)) return Turn::Closed;
  }
  return flush() ? Turn::More : Turn::Closed;
}

// The entry at hand becomes a line. False: the pipeline is closing.
bool Journald::take_entry(std::string_view message) {
  uint64_t usec = 0;
  ::sd_journal_get_realtime_usec(journal_, &usec);
  const int64_t ms = static_cast<int64_t>(usec / 1'000);
  const bool apart = ms < first_ms_ || ms > first_ms_ + kBatchSpanMs;
  const bool oversize = message.size() > context_.max_line;
  if ((apart || oversize) && !flush()) return false;
  if (lines_.empty()) first_ms_ = ms;
  char* cursor = nullptr;
  if (::sd_journal_get_cursor(journal_, &cursor) >= 0) position_ = cursor;
  std::free(cursor);
  stats_.bytes_read += message.size();
  if (oversize) return lines_.push_oversize(message, arrival(), checkpoint());
  PaddedBytes& waiting = lines_.waiting();
  const size_t start = waiting.size();
  waiting.append(message);
  std::ranges::replace_if(
      std::span<char>(waiting.data() + start, message.size()),
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
  waiting.append("\n");
  return true;
}

bool Journald::has_field(const std::string& text) const {
  const std::string name = text.substr(0, text.find('='));
  const void* data = nullptr;
  size_t size = 0;
  return !text.empty() && ::sd_journal_get_data(journal_, name.c_str(), &data, &size) >= 0 &&
         std::string_view(static_cast<const char*>(data), size) == text;
}

bool Journald::is_ours() const {
  return has_field(self_.unit) || has_field(self_.exe) ||
         (has_field(self_.boot) && has_field(self_.pid));
}

Timestamp Journald::arrival() const {
  return first_ms_ > 0 ? timestamp_ms(first_ms_) : context_.clock.now();
}

// Until the journal has changed, or it is time to look again.
asio::awaitable<void> Journald::pause(Turn turn) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (turn == Turn::More) {
    co_await asio::post(context_.executor, asio::use_awaitable);
    co_return;
  }
  asio::steady_timer timer(context_.executor);
  if (turn == Turn::Failed || !wait_.is_open()) {
    timer.expires_after(kRetryAfter);
    co_await timer.async_wait(kAwait);
    co_return;
  }
  timer.expires_after(kLookEvery);
  timer.async_wait([this](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error) wait_.cancel(ignored);
  });
  co_await wait_.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
  ::sd_journal_process(journal_);
}

// The journal is opened anew before the next try.
Journald::Turn Journald::failed(std::string_view what, std::error_code error) {
  ++stats_.read_errors;
  stats_.last_error = fmt::format("{}: {}", what, error.message());
  close();
  return Turn::Failed;
}

}  // namespace

Result<std::unique_ptr<Input>> make_journald_input(const Node& node, InputContext context) {
  PICKET_TRY(Options options, parse(node));
  return std::make_unique<Journald>(std::move(options), std::move(context));
}

}  // namespace picket
