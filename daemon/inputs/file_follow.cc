// FollowedFile: read, cut, push.
//
// Tested by tests/daemon/inputs/file_tail_*_test.cc through FileSet.
#include "daemon/inputs/file_follow.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace picket {

FollowedFile::FollowedFile(const InputContext& context, std::unique_ptr<DiskFile> file,
                           FileInfo info, uint64_t offset)
    : context_(context),
      file_(std::move(file)),
      info_(info),
      cutter_({context.batch_bytes, context.max_line}, offset) {
  guard();
}

bool FollowedFile::start() {
  stream_ = context_.sink.open_stream({context_.source, state.path});
  return remember();
}

bool FollowedFile::remember() {
  LineBatch batch = empty_batch();
  batch.checkpoint = checkpoint();
  return push(std::move(batch));
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

bool FollowedFile::restart(bool held_is_elsewhere) {
  if (held_is_elsewhere) cutter_.reset(cutter_.resume_offset());
  FileCheckpoint anew;
  anew.identity = info_.identity;
  anew.head = anew.tail = head_hash(*file_, 0).value_or(0);
  if (!end({state.path, state.path.empty() ? "" : encode_checkpoint(anew)})) return false;
  cutter_.reset(0);
  guard_ = 0;
  last_ = {};
  return start();
}

ReadOutcome FollowedFile::read() {
  const auto info = file_->info();
  if (!info) return failed(info.error());
  info_ = *info;
  const uint64_t offset = cutter_.read_offset();
  if (info_.size < offset) return ReadOutcome::Replaced;
  if (info_.size == offset) {
    error_.clear();
    return ReadOutcome::AtEnd;
  }
  const auto before = tail_hash(*file_, offset);
  if (!before) return failed(before.error());
  if (offset > 0 && *before != guard_) return ReadOutcome::Replaced;

  const std::span<char> space = cutter_.space(info_.size - offset);
  const auto got = file_->read_at(offset, space.data(), space.size());
  if (!got) return failed(got.error());
  error_.clear();
  bytes_read_ += *got;
  cutter_.commit(*got);
  while (std::optional<LineBatch> batch = cutter_.next()) {
    batch->checkpoint = checkpoint();
    if (!push(*std::move(batch))) return ReadOutcome::Closed;
  }
  guard();
  return *got > 0 && cutter_.read_offset() < info_.size ? ReadOutcome::More : ReadOutcome::AtEnd;
}

// A file that cannot be read while its hashes are taken yields a checkpoint that will not match:
// then the file is read again from its start, which is the side to err on.
Checkpoint FollowedFile::checkpoint() {
  FileCheckpoint now;
  now.finishing = state.finishing;
  now.identity = info_.identity;
  now.offset = cutter_.resume_offset();
  // The head stays the same once it is long enough.
  const bool head_known = last_.offset >= kProofBytes && now.offset >= kProofBytes;
  now.head = head_known ? last_.head : head_hash(*file_, now.offset).value_or(0);
  now.tail = tail_hash(*file_, now.offset).value_or(0);
  last_ = now;
  if (state.path.empty()) return {};
  return {state.path, encode_checkpoint(now)};
}

uint64_t FollowedFile::lag_bytes() const {
  return info_.size - std::min(info_.size, cutter_.read_offset());
}

bool FollowedFile::push(LineBatch batch) {
  batch.stream = stream_;
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

void FollowedFile::guard() {
  const uint64_t offset = cutter_.read_offset();
  guard_ = offset > 0 ? tail_hash(*file_, offset).value_or(0) : 0;
}

}  // namespace picket
