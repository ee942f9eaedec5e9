// FileSet: resuming from checkpoints, and finding what became of the old content.
//
// A checkpoint names a path, but what it is about is a file. At start-up each one is settled before
// any new file is opened:
//   the path holds that file, content as remembered -> it is followed from the offset
//   the path holds that file, content replaced      -> the rest may be in a copy (copytruncate)
//   the path holds another file, or none            -> the file is looked for in the same folder
// What is found beside the path is read to its end first.
//
// Tested by tests/daemon/inputs/file_tail_restart_test.cc.
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/inputs/file_names.h"
#include "daemon/inputs/file_set.h"
#include "daemon/log.h"

namespace picket {
namespace {

// Two logs may well begin with the same line: with less content than this, a copy must also be no
// older than what was last seen of the original.
constexpr uint64_t kCopyProofMin = 64;
constexpr uint64_t kBackwardChunk = 64 << 10;

bool may_be_copy(const FileCheckpoint& checkpoint, const FileInfo& info) {
  if (checkpoint.offset >= kCopyProofMin) return true;
  return checkpoint.offset > 0 && checkpoint.modified_ns != 0 &&
         info.modified_ns >= checkpoint.modified_ns;
}

// The start of the line that is being written at `size`: behind the last '\n', looked for within
// `max_line` bytes. Beyond that the line is given up: it would be too long anyway.
uint64_t last_line_start(const DiskFile& file, uint64_t size, uint64_t max_line) {
  std::vector<char> chunk(std::min(size, kBackwardChunk));
  for (uint64_t end = size; end > 0 && size - end <= max_line;) {
    const uint64_t begin = end - std::min<uint64_t>(end, chunk.size());
    const auto got = file.read_at(begin, chunk.data(), end - begin);
    if (!got) return size;
    const size_t newline = std::string_view(chunk.data(), *got).rfind('\n');
    if (newline != std::string_view::npos) return begin + newline + 1;
    if (begin == 0) return 0;
    end = begin;
  }
  return size;
}

}  // namespace

void FileSet::recover() {
  std::vector<std::pair<std::string, FileCheckpoint>> known;
  for (const auto& [key, value] : start_up_.remembered) {
    const auto checkpoint = decode_checkpoint(value);
    if (checkpoint && (checkpoint->finishing || matches(key))) known.emplace_back(key, *checkpoint);
  }
  // One file may have a checkpoint under its old and its new name; the one that got further counts.
  std::stable_sort(known.begin(), known.end(), [](const auto& left, const auto& right) {
    return left.second.offset > right.second.offset;
  });
  for (const auto& [key, checkpoint] : known) {
    if (!closed_) recover_one(key, checkpoint);
  }
}

void FileSet::recover_one(const std::string& key, const FileCheckpoint& checkpoint) {
  const std::string rest = unfinished_name(key, checkpoint);
  if (rest.empty()) return;
  const auto info = context_.disk.stat(rest, links_beside(rest));
  const auto same = info ? names_.by_identity.find(info->identity) : names_.by_identity.end();
  if (same != names_.by_identity.end()) {
    FollowState& state = files_.at(same->second)->state;
    if (state.origin == state.path) state.origin = key;
    return;
  }
  if (finish_at(rest, key, checkpoint)) ++counts_.rotations;
}

// The name under which content that `checkpoint` has not covered is to be read to its end; empty
// when there is none, or when following `key` will read it anyway.
std::string FileSet::unfinished_name(const std::string& key, const FileCheckpoint& checkpoint) {
  const auto info = context_.disk.stat(key, links(key));
  if (info && same_file(checkpoint, info->identity)) {
    const auto file = context_.disk.open(key, links(key));
    if (!file) return "";
    if (!content_matches(checkpoint, **file)) return find_copy(key, checkpoint);
    return matches(key) ? "" : key;
  }
  if (!info && info.error() == std::errc::permission_denied) return "";
  std::string rest = find_rotated(key, checkpoint);
  if (rest.empty()) rest = find_copy(key, checkpoint);
  if (rest.empty() && (!info || !matches(key))) drop_lost(key);
  return rest;
}

std::string FileSet::find_rotated(const std::string& key, const FileCheckpoint& checkpoint) {
  for (const auto& [identity, path] : index_of(folder_of(key))) {
    if (!same_file(checkpoint, identity)) continue;
    const auto file = context_.disk.open(path, links_beside(path));
    if (file && content_matches(checkpoint, **file)) return path;
  }
  return "";
}

// A copy is recognised by its content, and only looked for among names that were made from `path`.
std::string FileSet::find_copy(const std::string& path, const FileCheckpoint& checkpoint) const {
  const auto names = context_.disk.list(folder_of(path));
  if (!names) return "";
  for (const std::string& name : *names) {
    if (!name.starts_with(name_of(path)) || name == name_of(path) || is_compressed_name(name))
      continue;
    const std::string other = path_in(folder_of(path), name);
    const auto file = context_.disk.open(other, links_beside(other));
    const auto info = file ? (*file)->info() : std::unexpected(file.error());
    if (!info || names_.by_identity.contains(info->identity)) continue;
    if (may_be_copy(checkpoint, *info) && content_matches(checkpoint, **file)) return other;
  }
  return "";
}

bool FileSet::finish_at(const std::string& path, const std::string& origin,
                        const FileCheckpoint& checkpoint) {
  auto file = context_.disk.open(path, links_beside(path));
  const auto info = file ? (*file)->info() : std::unexpected(file.error());
  if (!info) {
    trouble(path, info.error());
    return false;
  }
  auto proof = read_proof(**file, checkpoint.offset);
  if (!proof || !proves(*proof, checkpoint)) return false;
  FollowState state;
  state.path = path;
  state.origin = origin;
  state.finishing = true;
  state.deadline = context_.clock.steady() + options_.grace;
  add(std::move(state), *std::move(file), *info, {checkpoint.offset, *std::move(proof)});
  return true;
}

// A checkpoint whose file is gone. Only a batch can delete it, so that the deletion is committed in
// order; the stream exists for this batch alone.
void FileSet::drop_lost(const std::string& key) {
  LineBatch batch;
  batch.kind = BatchKind::EndOfStream;
  batch.stream = context_.sink.open_stream({context_.source, key});
  batch.arrival = context_.clock.now();
  batch.checkpoint = {key, {}};
  sink_took(context_.sink.push(std::move(batch)));
  start_up_.remembered.erase(key);
}

// Where to begin with a file that is opened under `path`. Error: it cannot be read now; its
// checkpoint is kept for the next try.
FileSet::Start FileSet::first_point(const std::string& path, const DiskFile& file,
                                    const FileInfo& info) {
  const auto known = start_up_.remembered.find(path);
  const bool was_followed = known != start_up_.remembered.end();
  const auto checkpoint = was_followed ? decode_checkpoint(known->second) : std::nullopt;
  const bool same = checkpoint && same_file(*checkpoint, info.identity);
  const uint64_t offset =
      same ? checkpoint->offset : (was_followed ? 0 : first_offset(path, file, info));
  auto proof = read_proof(file, offset);
  const bool shorter = !proof && proof.error() == std::errc::result_out_of_range;
  if (!proof && !shorter) return std::unexpected(proof.error());
  if (was_followed && !checkpoint) {
    log_warning("{}: its checkpoint makes no sense, so it is read from its start", path);
    ++counts_.read_errors;
  }
  start_up_.remembered.erase(path);
  start_up_.sizes.erase(path);
  if (!shorter && (!same || proves(*proof, *checkpoint)))
    return StartPoint{offset, *std::move(proof)};
  if (same) ++counts_.truncations;
  return StartPoint{};
}

uint64_t FileSet::first_offset(const std::string& path, const DiskFile& file,
                               const FileInfo& info) {
  if (const auto known = start_up_.sizes.find(path); known != start_up_.sizes.end())
    return last_line_start(file, std::min(known->second, info.size), context_.max_line);
  if (start_up_.done || options_.from_beginning) return 0;
  return last_line_start(file, info.size, context_.max_line);
}

}  // namespace picket
