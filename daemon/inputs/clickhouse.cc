// The `clickhouse` input: reads the rows of a query that grows, page by page.
//
//   - type: clickhouse
//     name: requests
//     url: https://clickhouse.example:8443
//     user: picket
//     password_file: /etc/picket/clickhouse   # or the name of a systemd credential
//     ca_file: /etc/picket/ca.pem             # instead of the system's
//     database: default
//     query: SELECT * FROM api_requests_raw_v2 WHERE time >= {cursor:Int64}
//     cursor: time       # an integer column of the query that holds a time
//     unit: ms           # of that column: s, ms, us, ns
//     start: end         # or beginning, or how far back: 2h
//     every: 5s
//     delay: 30s         # rows younger than that are left for later
//     page: 10000        # rows asked for at once
//     timeout: 30s       # of one page
//     settings: {max_threads: 2}
//
// What a page is worth is decided in clickhouse_page.h. That rows come late (Unkey inserts them in
// batches, some seconds after their time) is answered by `delay`: what is younger is not read yet,
// and what is older is taken to be complete. The other way, to read the last half minute again and
// again and to know by ids what was there before, finds rows sooner, but then the engine waits for
// the late ones as long (`lateness`), so no alert would come earlier; it reads everything several
// times, and keeps the ids of half a minute in every checkpoint. With `delay` rows come in their
// order, whenever they are asked for, and `lateness: 0s` is enough.
//
// Tested by tests/daemon/inputs/clickhouse_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <random>
#include <utility>

#include "daemon/inputs/clickhouse_page.h"
#include "daemon/inputs/clickhouse_query.h"
#include "daemon/inputs/fetched_lines.h"
#include "daemon/inputs/input.h"
#include "daemon/inputs/transfer.h"
#include "daemon/log.h"
#include "daemon/unpack.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kKey = "position";
constexpr std::chrono::milliseconds kPauseMost{60'000};
constexpr size_t kErrorBytesMax = 512;
constexpr size_t kPieceBytes = 64 << 10;

// The bytes of an answer, unpacked when they came as gzip.
class AnswerBytes {
 public:
  AnswerBytes(bool gzip, ClickhousePage& page) : page_(page) {
    if (gzip) unpacker_ = Unpacker::for_gzip();
  }
  // Puts the next piece into the page. False: nothing is left of `packed`.
  bool put(std::span<const char>& packed) {
    if (!unpacker_) {
      page_.put({packed.data(), packed.size()});
      return !std::exchange(packed, {}).empty();
    }
    any_ = any_ || !packed.empty();
    std::span<char> room(piece_.get(), kPieceBytes);
    const size_t offered = packed.size();
    if (unpacker_->step(packed, room) != nullptr) {
      corrupt_ = true;
      return false;
    }
    page_.put({piece_.get(), kPieceBytes - room.size()});
    return room.size() < kPieceBytes || packed.size() < offered;
  }
  bool whole() const { return !corrupt_ && (!unpacker_ || !any_ || unpacker_->at_end()); }
  bool corrupt() const { return corrupt_; }

 private:
  ClickhousePage& page_;
  std::unique_ptr<Unpacker> unpacker_;
  const std::unique_ptr<char[]> piece_ = std::make_unique_for_overwrite<char[]>(kPieceBytes);
  bool any_ = false;
  bool corrupt_ = false;
};

std::string_view header_of(const Transfer::Headers& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &Transfer::Headers::value_type::first);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

class Clickhouse final : public Input {
 public:
  Clickhouse(ClickhouseOptions options, InputContext context)
      : options_(std::move(options)), context_(std::move(context)) {}

  Diagnostics prepare() override;
  asio::awaitable<void> run() override;
  InputStats stats() const override { return stats_; }

 private:
  enum class Turn : uint8_t { More, Idle, Failed, Closed };

  asio::awaitable<Turn> read_page();
  asio::awaitable<Turn> read_rows(ClickhousePage* page, std::string* error);
  asio::awaitable<Turn> read_error(std::string bytes, std::string* error);
  asio::awaitable<void> pause(Turn turn);
  bool take_rows(ClickhousePage& page);
  Checkpoint checkpoint() const { return {std::string(kKey), encode_position(position_)}; }
  bool flush();

  const ClickhouseOptions options_;
  const InputContext context_;
  ClickhousePosition position_;
  std::unique_ptr<Transfer> transfer_;
  FetchedLines lines_{context_.sink};  // what waits there is counted by position_
  uint32_t failures_ = 0;              // in a row
  std::minstd_rand random_{std::random_device()()};
  InputStats stats_ = {};
};

Diagnostics Clickhouse::prepare() {
  const auto saved = context_.checkpoints.find(std::string(kKey));
  if (saved != context_.checkpoints.end()) {
    const auto position = decode_position(saved->second);
    if (!position) {
      return {{{},
               fmt::format("input '{}': the saved position cannot be read", context_.name),
               "it was written by a newer picket; name the input otherwise to begin anew"}};
    }
    position_ = *position;
  } else if (options_.back) {
    position_.value = cursor_at(options_, context_.clock.now() - options_.delay - *options_.back);
  }
  if (!options_.password.empty() && options_.url.starts_with("http://")) {
    log_warning("input '{}': the password goes unencrypted to {}", context_.name, options_.url);
  }
  return {};
}

asio::awaitable<void> Clickhouse::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  lines_.open({context_.source, options_.url});
  transfer_ = std::make_unique<Transfer>(HttpClientOptions{.user = options_.user,
                                                           .password = options_.password,
                                                           .ca_file = options_.ca_file,
                                                           .timeout = options_.timeout},
                                         context_.executor);
  // So that a restart before the first row goes on from here, and not from its own present.
  bool going = !context_.checkpoints.empty() || lines_.push(context_.clock.now(), checkpoint());
  while (going) {
    const Turn turn = co_await read_page();
    if (turn == Turn::Closed) break;
    co_await pause(turn);
    const auto state = co_await asio::this_coro::cancellation_state;
    going = state.cancelled() == asio::cancellation_type::none;
  }
}

asio::awaitable<Clickhouse::Turn> Clickhouse::read_page() {
  const int64_t until = cursor_at(options_, context_.clock.now() - options_.delay);
  if (until <= position_.value) co_return Turn::Idle;
  const uint64_t rows_max = options_.page + position_.ties.size();
  transfer_->begin({.url = request_url(options_, position_.value, until),
                    .headers = {"Content-Type: text/plain", "Accept-Encoding: gzip"},
                    .body = page_query(options_, rows_max)});
  ClickhousePage page(
      options_.cursor,
      {.until = until, .row_bytes_max = std::max<uint64_t>(64 << 20, 2 * context_.max_line)},
      position_);
  std::string error;
  const Turn turn = co_await read_rows(&page, &error);
  if (turn == Turn::Closed || !flush()) co_return Turn::Closed;
  if (!error.empty()) {
    ++stats_.read_errors;
    stats_.last_error = options_.url + ": " + error;
    co_return Turn::Failed;
  }
  failures_ = 0;
  stats_.last_error.clear();
  co_return page.rows() >= rows_max ? Turn::More : Turn::Idle;
}

// Takes the answer to its end. What is wrong with it is put into `error`; rows before that count.
asio::awaitable<Clickhouse::Turn> Clickhouse::read_rows(ClickhousePage* page, std::string* error) {
  std::unique_ptr<AnswerBytes> bytes;
  for (;;) {
    Transfer::Piece piece = co_await transfer_->next();
    if (piece.cancelled) co_return Turn::Closed;
    if (!bytes) {
      const Transfer::Headers headers = transfer_->headers();
      const bool exception = !header_of(headers, "x-clickhouse-exception-code").empty();
      if (piece.end && !piece.end->error.empty()) *error = piece.end->error;
      if (transfer_->status() != 200 || exception) {
        if (piece.end) {
          if (error->empty()) *error = fmt::format("status {}: ", transfer_->status());
          append_printable(*error, std::string_view(piece.bytes).substr(0, kErrorBytesMax));
          co_return Turn::Failed;
        }
        co_return co_await read_error(std::move(piece.bytes), error);
      }
      bytes =
          std::make_unique<AnswerBytes>(header_of(headers, "content-encoding") == "gzip", *page);
    }
    std::span<const char> packed(piece.bytes);
    while (error->empty() && bytes->put(packed)) {
      if (!take_rows(*page)) co_return Turn::Closed;
      *error = page->problem();
    }
    if (error->empty() && bytes->corrupt()) *error = "the gzip data is corrupt";
    stats_.bytes_read += piece.bytes.size();
    if (!piece.end) continue;
    if (error->empty()) *error = piece.end->error;
    if (error->empty() && !piece.end->length_known)
      *error = "the answer does not say where it ends";
    if (error->empty() && !bytes->whole()) *error = "the gzip data is cut off";
    if (error->empty()) page->finish();
    if (error->empty()) *error = page->problem();
    co_return Turn::Idle;
  }
}

// The rest of an answer that is no rows, of which the beginning is shown.
asio::awaitable<Clickhouse::Turn> Clickhouse::read_error(std::string bytes, std::string* error) {
  for (;;) {
    Transfer::Piece piece = co_await transfer_->next();
    if (piece.cancelled) co_return Turn::Closed;
    bytes += piece.bytes;
    bytes.resize(std::min(bytes.size(), kErrorBytesMax));
    if (piece.end) break;
  }
  *error = fmt::format("status {}: ", transfer_->status());
  append_printable(*error, bytes);
  co_return Turn::Failed;
}

// After a failure longer and longer, and never in step with others that failed at the same moment.
asio::awaitable<void> Clickhouse::pause(Turn turn) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (turn == Turn::More) {
    co_await asio::post(context_.executor, asio::use_awaitable);
    co_return;
  }
  std::chrono::milliseconds length = options_.every;
  if (turn == Turn::Failed) {
    length =
        std::min(std::max(kPauseMost, options_.every), length * (1 << std::min(failures_, 10u)));
    length = length / 2 + length * (random_() % 1024) / 2048;
    ++failures_;
  }
  asio::steady_timer timer(context_.executor, length);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

// False: the pipeline is closing.
bool Clickhouse::take_rows(ClickhousePage& page) {
  while (const std::optional<std::string_view> row = page.next()) {
    const bool oversize = row->size() - 1 > context_.max_line;
    if (oversize && !flush()) return false;
    page.accept();
    if (oversize) {
      const std::string_view line = row->substr(0, row->size() - 1);
      if (!lines_.push_oversize(line, context_.clock.now(), checkpoint())) return false;
      continue;
    }
    lines_.waiting().append(*row);
    if (lines_.waiting().size() >= context_.batch_bytes && !flush()) return false;
  }
  return true;
}

bool Clickhouse::flush() {
  return lines_.empty() || lines_.push(context_.clock.now(), checkpoint());
}

}  // namespace

Result<std::unique_ptr<Input>> make_clickhouse_input(const Node& node, InputContext context) {
  PICKET_TRY(ClickhouseOptions options, parse_clickhouse(node));
  return std::make_unique<Clickhouse>(std::move(options), std::move(context));
}

}  // namespace picket
