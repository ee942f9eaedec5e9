#include "daemon/inputs/spool_feed.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <utility>

#include "daemon/failpoint.h"
#include "daemon/inputs/file_names.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kKey = "spool";
constexpr std::string_view kVersion = "1 ";
constexpr std::chrono::seconds kRetryAfter{1};
constexpr uint64_t kSegmentBytes = 64 << 20;
// So that removing what is done with makes room in good time.
constexpr uint64_t kSegmentsMin = 8;
// As many as the pipeline's queue takes at once, about.
constexpr int kRecordsPerTurn = 256;

// Nothing when it is not of that form, as without a checkpoint.
std::optional<uint64_t> decode_offset(std::string_view text) {
  if (!text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return offset;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

std::string SpoolFeed::folder_for(const InputContext& context) {
  std::string folder;
  for (const char c : context.name) {
    folder += is_plain(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return path_in(path_in(context.state_folder, "spool"), folder);
}

SpoolFeed::SpoolFeed(const InputContext& context, uint64_t bytes_max)
    : context_(context),
      bytes_max_(bytes_max),
      bell_(std::make_shared<Bell>(context.executor)),
      cutter_({context.batch_bytes, context.max_line}) {}

Diagnostics SpoolFeed::prepare() {
  const std::string folder = folder_for(context_);
  const auto saved = context_.checkpoints.find(std::string(kKey));
  uint64_t offset = 0;
  if (saved != context_.checkpoints.end()) offset = decode_offset(saved->second).value_or(0);
  auto writer = SpoolWriter::open(
      context_.disk, {folder, bytes_max_, std::min(kSegmentBytes, bytes_max_ / kSegmentsMin)},
      offset);
  if (!writer) return std::move(writer).error();
  reader_.emplace(context_.disk, folder, offset);
  cutter_.reset(offset);
  spool_ = std::make_unique<Spool>(*std::move(writer), context_.clock);
  spool_->on_news([executor = context_.executor, bell = bell_] {
    asio::post(executor, [bell] {
      bell->rung = true;
      bell->timer.cancel();
    });
  });
  spool_->start();
  return {};
}

void SpoolFeed::start() { stream_ = context_.sink.open_stream({context_.source, "spool"}); }

asio::awaitable<void> SpoolFeed::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  start();
  for (;;) {
    const Turn outcome = turns();
    if (outcome == Turn::Closed) co_return;
    if (outcome == Turn::More) {
      // The other inputs run on this thread too.
      co_await asio::post(context_.executor, asio::use_awaitable);
    } else {
      co_await pause(outcome);
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  }
}

// Until there is news, or it is time to try again.
asio::awaitable<void> SpoolFeed::pause(Turn outcome) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (!std::exchange(bell_->rung, false)) {
    if (outcome == Turn::Failed) {
      bell_->timer.expires_after(kRetryAfter);
    } else {
      bell_->timer.expires_at(asio::steady_timer::time_point::max());
    }
    co_await bell_->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    bell_->rung = false;
  }
}

// Records are as small as what senders send. A file's turn is a whole batch: beside a busy one, a
// record at a time would never catch up, and time would not pass for anybody.
SpoolFeed::Turn SpoolFeed::turns() {
  const uint64_t before = bytes_read_;
  Turn outcome = Turn::More;
  for (int i = 0; i < kRecordsPerTurn && outcome == Turn::More; ++i) {
    if (bytes_read_ - before >= context_.batch_bytes) break;
    outcome = turn();
  }
  return outcome;
}

SpoolFeed::Turn SpoolFeed::turn() {
  const std::span<char> space = cutter_.space(context_.batch_bytes);
  const auto got = reader_->read(spool_->end(), space);
  if (!got) {
    ++read_errors_;
    last_error_ = "the spool cannot be read: " + got.error().message();
    return Turn::Failed;
  }
  last_error_.clear();
  if (*got == 0) return Turn::Idle;
  bytes_read_ += *got;
  const uint64_t begin = reader_->offset() - *got;
  if (begin != cutter_.read_offset()) {
    // Something was lost. Records hold whole lines, so nothing is held of the line before.
    const std::string bytes(space.data(), *got);
    cutter_.reset(begin);
    std::memcpy(cutter_.space(bytes.size()).data(), bytes.data(), bytes.size());
  }
  if (reader_->head().kind == RecordKind::OversizeLine) {
    oversize_.append(space.data(), *got);
    cutter_.reset(reader_->offset());
    if (oversize_.size() < reader_->head().size) return Turn::More;
    return push_oversize() ? Turn::More : Turn::Closed;
  }
  cutter_.commit(*got);
  while (std::optional<LineBatch> batch = cutter_.next()) {
    if (!push(*std::move(batch))) return Turn::Closed;
  }
  return Turn::More;
}

bool SpoolFeed::push_oversize() {
  LineBatch batch;
  batch.kind = BatchKind::OversizeLine;
  batch.offset = reader_->offset() - oversize_.size();
  batch.oversize_length = reader_->head().line_length;
  batch.bytes = PaddedBytes(std::string_view(oversize_).substr(0, oversize_.size() - 1));
  oversize_.clear();
  return push(std::move(batch));
}

bool SpoolFeed::push(LineBatch batch) {
  batch.stream = stream_;
  batch.arrival = reader_->head().arrival;
  batch.checkpoint = {std::string(kKey), fmt::format("{}{}", kVersion, cutter_.resume_offset())};
  return context_.sink.push(std::move(batch));
}

void SpoolFeed::committed(const Checkpoint& checkpoint) {
  if (checkpoint.key != kKey || !spool_) return;
  failpoint(Failpoint::CheckpointAnnounced);
  if (const auto offset = decode_offset(checkpoint.value)) spool_->release(*offset);
}

void SpoolFeed::add_to(InputStats& stats) const {
  if (!spool_) return;
  const SpoolStats spool = spool_->stats();
  stats.bytes_read += bytes_read_;
  stats.read_errors += read_errors_;
  const uint64_t end = spool_->end().offset;
  stats.lag_bytes_total += end - std::min(end, reader_->offset());
  stats.lag_bytes_max = stats.lag_bytes_total;
  stats.last_error = last_error_.empty() ? spool.last_error : last_error_;
  PushStats push = stats.push.value_or(PushStats());
  push.spool_bytes = spool.bytes;
  push.spool_bytes_max = bytes_max_;
  push.spool_records = spool.records;
  push.spool_syncs = spool.syncs;
  push.spool_errors = spool.write_errors;
  push.spool_failing = !spool.last_error.empty();
  push.spool_lost_bytes = reader_->lost_bytes();
  push.spool_torn_bytes = spool.damaged_bytes;
  stats.push = push;
}

}  // namespace picket
