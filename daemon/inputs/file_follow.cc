// FollowedFile: fetch, cut, push.
//
// Tested by tests/daemon/inputs/file_tail_*_test.cc through FileSet.
#include "daemon/inputs/file_follow.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace picket {

FollowedFile::FollowedFile(const InputContext& context, std::unique_ptr<DiskFile> file,
                           FileInfo info, StartPoint start)
    : context_(context),
      file_(std::move(file)),
      info_(info),
      cutter_({context.batch_bytes, context.max_line, true}, start.offset,
              std::move(start.proof.trail),
              byte_order_mark(start.proof.head).value_or(ByteOrderMark{}).encoding),
      stream_{.identity = start.stream},
      proven_ns_(start.known_ns),
      head_(std::move(start.proof.head)) {}

bool FollowedFile::start() {
  if (stream_.identity == 0) stream_.identity = new_identity();
  stream_.id = context_.sink.open_stream({context_.source, state.path, stream_.identity});
  return remember();
}

// The same file may hold one content after another.
uint64_t FollowedFile::new_identity() const {
  const FileIdentity& file = info_.identity;
  return content_hash(fmt::format("{} {} {}", file.inode, file.birth_ns, proven_ns_));
}

bool FollowedFile::remember() {
  LineBatch batch = empty_batch();
  batch.checkpoint = checkpoint();
  return push(std::move(batch));
}

bool FollowedFile::remember_unread(int64_t known_ns) {
  proven_ns_ = known_ns;
  return remember();
}

bool FollowedFile::forget(const std::string& key) {
  LineBatch batch = empty_batch();
  batch.checkpoint = {key, {}};
  return push(std::move(batch));
}

bool FollowedFile::end(const Checkpoint& last) {
  if (std::optional<LineBatch> rest = cutter_.finish()) {
    rest->checkpoint = last;
    if (!push(*std::move(rest))) return false;
  }
  LineBatch batch = empty_batch();
  batch.kind = BatchKind::EndOfStream;
  batch.checkpoint = last;
  return push(std::move(batch));
}

bool FollowedFile::restart(bool held_is_elsewhere, int64_t known_ns) {
  if (held_is_elsewhere) cutter_.reset(cutter_.resume_offset());
  proven_ns_ = std::max(info_.modified_ns, known_ns);
  stream_.identity = new_identity();
  const FileCheckpoint anew = mark(0, {});
  if (!end({state.path, encode_checkpoint(anew)})) return false;
  cutter_.reset(0);
  head_.clear();
  last_ = {};
  return start();
}

ReadOutcome FollowedFile::fetch() {
  const auto info = file_->info();
  if (!info) return failed(info.error());
  info_ = *info;
  const uint64_t offset = cutter_.read_offset();
  if (info_.size < offset) return ReadOutcome::Replaced;
  if (info_.size == offset && info_.modified_ns == proven_ns_) {
    error_.clear();
    return ReadOutcome::AtEnd;
  }
  const std::span<char> space = cutter_.space(std::max<uint64_t>(info_.size - offset, 1));
  const Trail trail = cutter_.read_trail();
  const auto got = file_->read_behind(offset, trail.view(), space);
  if (!got) return failed(got.error());
  if (!*got) return ReadOutcome::Replaced;
  fetched_ = {std::string_view(space.data(), **got), true};
  if (trail.view().empty()) return ReadOutcome::Fetched;
  // A large read takes a while, in which the content may have been replaced.
  const auto after = file_->read_behind(offset, trail.view(), {});
  if (!after) return failed(after.error());
  fetched_.still_there = after->has_value();
  return ReadOutcome::Fetched;
}

ReadOutcome FollowedFile::take() {
  const auto [bytes, still_there] = fetched_;
  // Never back: files that were made up to then are known.
  proven_ns_ = std::max(proven_ns_, info_.modified_ns);
  error_.clear();
  const size_t count = bytes.size();
  bytes_read_ += count;
  if (head_.size() < Trail::kBytes) head_ += bytes.substr(0, Trail::kBytes - head_.size());
  cutter_.commit(count);
  while (std::optional<LineBatch> batch = cutter_.next()) {
    batch->checkpoint = checkpoint();
    if (!push(*std::move(batch))) return ReadOutcome::Closed;
  }
  if (!still_there) return ReadOutcome::Replaced;
  return count > 0 && cutter_.read_offset() < info_.size ? ReadOutcome::More : ReadOutcome::AtEnd;
}

FileCheckpoint FollowedFile::mark(uint64_t offset, const Trail& trail) const {
  return {state.finishing,
          info_.identity,
          offset,
          content_hash(std::string_view(head_).substr(0, offset)),
          content_hash(trail.view()),
          proven_ns_,
          stream_.identity};
}

FileCheckpoint FollowedFile::read_mark() const {
  return mark(cutter_.read_offset(), cutter_.read_trail());
}

Checkpoint FollowedFile::checkpoint() {
  last_ = mark(cutter_.resume_offset(), cutter_.resume_trail());
  return {state.path, encode_checkpoint(last_)};
}

uint64_t FollowedFile::lag_bytes() const {
  return info_.size - std::min(info_.size, cutter_.read_offset());
}

bool FollowedFile::push(LineBatch batch) {
  batch.stream = stream_.id;
  batch.arrival = context_.clock.now();
  return context_.sink.push(std::move(batch));
}

LineBatch FollowedFile::empty_batch() const {
  LineBatch batch;
  batch.offset = cutter_.resume_offset();
  batch.bytes = PaddedBytes(size_t{0});
  return batch;
}

ReadOutcome FollowedFile::failed(std::error_code error) {
  error_ = error;
  return ReadOutcome::Failed;
}

}  // namespace picket
