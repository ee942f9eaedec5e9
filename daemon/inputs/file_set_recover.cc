// FileSet: resuming from checkpoints, and finding what became of the old content.
//
// A checkpoint names a path, but what it is about is a file. At start-up each one is settled before
// any new file is opened:
//   the path holds that file, content as remembered -> it is followed from the offset
//   the path holds that file, content replaced      -> the rest may be in a copy (copytruncate)
//   the path holds another file, or none            -> the file is looked for in the same folder,
//   and
//                                                      so are those that had the name in between
// What is found beside the path is read to its end first.
//
// Tested by tests/daemon/inputs/file_tail_restart_test.cc.
#include <algorithm>
#include <array>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/inputs/file_names.h"
#include "daemon/inputs/file_set.h"
#include "daemon/inputs/text_encoding.h"
#include "daemon/inputs/unpacked_file.h"
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

TextEncoding encoding_of(const DiskFile& file) {
  std::array<char, 2> head;
  const auto got = file.read_at(0, head.data(), head.size());
  const auto mark = byte_order_mark({head.data(), got.value_or(0)});
  return mark.value_or(ByteOrderMark{}).encoding;
}

// The start of the line that is being written at `size`: behind the last newline, looked for within
// `max_line` bytes of text. Beyond that the line is given up: it would be too long anyway.
uint64_t last_line_start(const DiskFile& file, uint64_t size, uint64_t max_line) {
  const TextEncoding encoding = encoding_of(file);
  const size_t unit = newline_size(encoding);
  size -= size % unit;
  std::vector<char> chunk(std::min(size, kBackwardChunk));
  for (uint64_t end = size; end > 0 && size - end <= max_line * unit;) {
    const uint64_t begin = end - std::min<uint64_t>(end, chunk.size());
    const auto got = file.read_at(begin, chunk.data(), end - begin);
    if (!got) return size;
    const size_t start = last_line({chunk.data(), *got}, encoding);
    if (start > 0) return begin + start;
    if (begin == 0) return 0;
    end = begin;
  }
  return size;
}

}  // namespace

void FileSet::recover() {
  for (const auto& [key, value] : start_up_.remembered) {
    const auto checkpoint = decode_checkpoint(value);
    if (checkpoint && (checkpoint->finishing || matches(key)))
      start_up_.pending.emplace(key, *checkpoint);
  }
  Pending pending = std::exchange(start_up_.pending, {});
  std::vector<std::string> keys;
  for (const auto& [key, checkpoint] : pending) keys.push_back(key);
  // One file may have a checkpoint under its old and its new name; the one that got further counts.
  std::ranges::stable_sort(keys, std::greater(),
                           [&](const std::string& key) { return pending.at(key).offset; });
  const Pending all = pending;
  for (const std::string& key : keys) {
    if (closed_) return;
    recover_one(key, pending);
  }
  for (const std::string& key : keys) {
    if (closed_) return;
    const FileCheckpoint& checkpoint = all.at(key);
    if (!matches(key) || checkpoint.finishing) continue;
    const auto file = context_.disk.open(key, links(key));
    const auto info = file ? (*file)->info() : std::unexpected(file.error());
    // Without content the checkpoint does not tell whether the file was cut since.
    const bool goes_on = info && same_file(checkpoint, info->identity) && checkpoint.offset > 0 &&
                         content_matches(checkpoint, **file);
    if (goes_on) continue;
    know_older(key, checkpoint, finish_between(key, checkpoint).settled_ns);
  }
}

// recover() left it to following the name to go on with the file there, which was rotated since.
void FileSet::recover_moved(const std::string& path, const FileCheckpoint& checkpoint) {
  names_.index.clear();
  Pending moved = {{path, checkpoint}};
  recover_one(path, moved);
  finish_between(path, checkpoint);
}

// A file whose present name is the key of another one lets that go first: its own checkpoint will
// take the place of the other's, which must have moved away by then (see make_way()). Of several
// checkpoints of one file the one that got furthest still comes first.
void FileSet::recover_one(const std::string& key, Pending& pending) {
  const auto node = pending.extract(key);
  if (node.empty()) return;
  const auto further = std::ranges::find_if(pending, [&](const auto& other) {
    return same_file(other.second, node.mapped().identity) &&
           other.second.offset > node.mapped().offset;
  });
  if (further != pending.end()) recover_one(std::string(further->first), pending);
  Look look = std::nullopt;
  DiskResult<FileInfo> info;
  steadily(key, [&] {
    look = unfinished(key, node.mapped());
    info = context_.disk.stat(key, links(key));
  });
  const bool out_of_reach = !info && info.error() == std::errc::permission_denied;
  // Not by each look: one that was disturbed may have missed the file.
  const bool elsewhere = !info || (!matches(key) && !same_file(node.mapped(), info->identity));
  if (look && !*look && elsewhere) drop_lost(key);
  if (!look && (out_of_reach || is_nameless(key))) {
    start_up_.pending.emplace(key, node.mapped());
  } else if (!look) {
    put_aside(key, node.mapped());
  }
  // Else following the name will read it, now or once it can be opened.
  const bool settled = look
                           ? look->has_value() || !info || !same_file(node.mapped(), info->identity)
                           : !out_of_reach;
  if (!look || !*look) {
    if (settled || !matches(key)) start_up_.remembered.erase(key);
    return;
  }
  // While others are looked for it is remembered, so that none of them takes its content for its
  // own, or writes over its checkpoint.
  Rest& rest = **look;
  const auto there = pending.find(rest.path);
  if (there != pending.end() && same_file(there->second, rest.info.identity)) {
    pending.erase(there);
    start_up_.remembered.erase(rest.path);
  } else if (there != pending.end()) {
    recover_one(rest.path, pending);
  }
  start_up_.remembered.erase(key);
  const auto same = names_.by_identity.find(rest.info.identity);
  const bool open = same != names_.by_identity.end();
  if (open || will_be_followed(rest)) {
    FollowState* state = open ? &files_.at(same->second)->state : nullptr;
    if (state && state->origin == state->path) state->origin = key;
    // Nothing else will ever end or replace this second checkpoint of the file.
    const std::string& path = state ? state->path : rest.path;
    if (path != key && (!info || !matches(key))) drop_lost(key);
    return;
  }
  finish(std::move(rest), key);
  ++counts_.rotations;
}

// Content that `checkpoint` has not covered and that is to be read to its end; nothing when there
// is none, or when following `key` will read it anyway. Error: what may be it cannot be looked at.
FileSet::Look FileSet::unfinished(const std::string& key, const FileCheckpoint& checkpoint) {
  const auto info = context_.disk.stat(key, links(key));
  if (!info && info.error() == std::errc::permission_denied) return std::unexpected(info.error());
  if (info && same_file(checkpoint, info->identity)) {
    const auto file = context_.disk.open(key, links(key));
    const auto proof = file ? prove(checkpoint, **file) : std::unexpected(file.error());
    if (matches(key) && (!proof || *proof)) return std::nullopt;
    if (!matches(key)) {
      Look rest = rest_at(key, checkpoint);
      if (!rest || *rest) return rest;
    }
    return find_copy(key, checkpoint, checkpoint);
  }
  if (is_open(checkpoint)) return std::nullopt;
  Look rest = find_rotated(key, checkpoint);
  if (rest && *rest) return rest;
  Look copy = find_copy(key, checkpoint, checkpoint);
  if (rest || (copy && *copy)) return copy;
  return rest;
}

// Whether the file of `checkpoint` is open with that content. Another checkpoint led to it, which
// got further, and it may have lost its name to a copy since.
bool FileSet::is_open(const FileCheckpoint& checkpoint) const {
  const auto same = names_.by_identity.find(checkpoint.identity);
  return same != names_.by_identity.end() && checkpoint.offset > 0 &&
         content_matches(checkpoint, files_.at(same->second)->file());
}

// Keeps a checkpoint for later scans, under a key that no other file can take meanwhile.
void FileSet::put_aside(const std::string& key, FileCheckpoint checkpoint) {
  checkpoint.finishing = true;
  // One file may have had several contents that are looked for.
  const std::string aside =
      nameless_key(key, checkpoint.identity) + ".0" + std::to_string(checkpoint.tail);
  store(aside, encode_checkpoint(checkpoint));
  start_up_.pending.insert_or_assign(aside, checkpoint);
}

FileSet::Look FileSet::find_rotated(const std::string& key, const FileCheckpoint& checkpoint) {
  for (const auto& [identity, path] : index_of(folder_of(key))) {
    if (!same_file(checkpoint, identity)) continue;
    // A plain file does not become a compressed one, nor the other way round, so this inode number
    // was used again; at offset 0 the content could not tell.
    if (is_compressed_name(path) != is_compressed_name(key)) continue;
    Look rest = rest_at(path, checkpoint);
    if (!rest) return rest;
    if (!*rest) continue;
    // Without content, whatever has the name or the inode number now would match.
    const FileInfo& info = (*rest)->info;
    const bool doubtful = checkpoint.offset == 0 && info.identity.birth_ns == 0;
    if (info.identity != identity) continue;
    if (doubtful && kinship(path, *(*rest)->file, info) != Kinship::None) continue;
    return rest;
  }
  return std::nullopt;
}

// A copy is recognised by its content, and only looked for among names that were made from `path`.
// `known` is about all content that is known, `from` about where to go on in it. Of several copies
// the one that holds most counts; compressed ones come last, since they take longest to look at.
FileSet::Look FileSet::find_copy(const std::string& path, const FileCheckpoint& from,
                                 const FileCheckpoint& known) const {
  const bool enough = from.offset >= kCopyProofMin;
  auto names = context_.disk.list(folder_of(path));
  if (!names) return std::unexpected(names.error());
  std::ranges::stable_partition(*names, std::not_fn(is_compressed_name));
  Look most = std::nullopt;
  for (const std::string& name : *names) {
    const bool found = most && *most;
    if (found && is_compressed_name(name)) break;
    const std::string other = path_in(folder_of(path), name);
    if (!made_from(other, path) || other == path) continue;
    const auto info = context_.disk.stat(other, links_beside(other));
    if (!info || names_.by_identity.contains(info->identity)) continue;
    if (!may_be_copy(enough ? from : known, *info)) continue;
    Look rest = rest_at(other, from);
    const bool younger = info->modified_ns >= known.modified_ns;
    if (!rest && !found && younger) most = std::unexpected(rest.error());
    if (rest && *rest && (has_checkpoint(**rest, from) || is_read_by_other(**rest, from))) continue;
    if (!rest || !*rest || (found && (*rest)->info.size <= (*most)->info.size)) continue;
    if (enough || content_matches(known, *(*rest)->file)) most = std::move(rest);
  }
  return most;
}

// Whether a checkpoint of the start-up is about this very file, which then says how far it was
// read, or is another one of the file of `from` that will lead to this copy, and got further. Where
// inode numbers are used again, one without content may be about an older file.
bool FileSet::has_checkpoint(const Rest& rest, const FileCheckpoint& from) const {
  const Pending known = unsettled();
  return std::ranges::any_of(known, [&](const auto& entry) {
    const auto& [key, own] = entry;
    const bool leads_there = own.offset > from.offset && (own.finishing || matches(key));
    const bool tells =
        same_file(own, from.identity)
            ? leads_there
            : same_file(own, rest.info.identity) && (own.offset > 0 || own.identity.birth_ns != 0);
    return tells && content_matches(own, *rest.file);
  });
}

// Checkpoints of the start-up whose files are not open yet.
FileSet::Pending FileSet::unsettled() const {
  Pending all = start_up_.pending;
  for (const auto& [key, value] : start_up_.remembered) {
    if (const auto checkpoint = decode_checkpoint(value)) all.emplace(key, *checkpoint);
  }
  return all;
}

// Whether an open file other than that of `from` has read this content further, and goes on.
bool FileSet::is_read_by_other(const Rest& rest, const FileCheckpoint& from) const {
  return std::ranges::any_of(files_, [&](const auto& entry) {
    const FollowedFile& other = *entry.second;
    const FileCheckpoint read = other.read_mark();
    return read.offset > from.offset && !same_file(from, other.identity()) &&
           made_from(rest.path, other.state.origin) && may_be_copy(read, rest.info) &&
           content_matches(read, *rest.file);
  });
}

// What was read of a copy counts as read of its original, which could not be looked at meanwhile.
void FileSet::advance_originals(const FollowedFile& copy) {
  const FileCheckpoint read = copy.last_checkpoint();
  for (auto& [key, original] : start_up_.pending) {
    const bool further = original.offset > 0 && original.offset < read.offset &&
                         made_from(copy.state.origin, key) && !same_file(original, copy.identity());
    if (!further || !content_matches(original, copy.file())) continue;
    original.offset = read.offset;
    original.head = read.head;
    original.tail = read.tail;
    const std::string text = encode_checkpoint(original);
    if (const auto known = start_up_.remembered.find(key); known != start_up_.remembered.end())
      known->second = text;
    store(key, text);
  }
}

// Whether a checkpoint that recover() has left to following a name got further in this very file.
// It may have lost that name since: first_point() or the next scan will find it.
bool FileSet::will_be_followed(const Rest& rest) const {
  return std::ranges::any_of(start_up_.remembered, [&](const auto& entry) {
    const auto& [key, value] = entry;
    if (!made_from(rest.path, key) || !matches(key)) return false;
    const auto own = decode_checkpoint(value);
    return own && own->offset > rest.start.offset && same_file(*own, rest.info.identity) &&
           content_matches(*own, *rest.file);
  });
}

// Copies have names that sort behind that of the original, so it is opened first. By now the
// original may have lost its name, or cannot be opened yet.
FileSet::Kinship FileSet::kinship(const std::string& path, const DiskFile& file,
                                  const FileInfo& info) const {
  const auto is_copy = [&](const FileCheckpoint& known) {
    return may_be_copy(known, info) && content_matches(known, file);
  };
  for (const auto& [key, known] : start_up_.pending) {
    if (made_from(path, key) && is_copy(known)) return Kinship::Longer;
  }
  // By name first: each file of a thousand that are opened at a start comes here.
  for (const auto& [key, value] : start_up_.remembered) {
    if (!made_from(path, key) || start_up_.pending.contains(key)) continue;
    const auto known = decode_checkpoint(value);
    if (known && is_copy(*known)) return Kinship::Longer;
  }
  for (const auto& [id, original] : files_) {
    if (!made_from(path, original->state.origin)) continue;
    const FileCheckpoint known = original->read_mark();
    if (info.size >= known.offset) {
      if (may_be_copy(known, info) && content_matches(known, file)) return Kinship::Longer;
      continue;
    }
    const auto part = read_proof(file, info.size);
    if (info.size >= kCopyProofMin && part && part == read_proof(original->file(), info.size))
      return Kinship::Part;
  }
  return Kinship::None;
}

// What is behind the offset of `checkpoint` in the file at `path`, if that is the file, or a copy
// of it. A compressed file is decompressed up to the offset, which takes a while. Error: it cannot
// be looked at now.
FileSet::Look FileSet::rest_at(const std::string& path, const FileCheckpoint& checkpoint) const {
  auto file = context_.disk.open(path, links_beside(path));
  if (!file) return std::unexpected(file.error());
  if (is_compressed_name(path)) file = UnpackedFile::make(*std::move(file));
  if (!file) return std::nullopt;
  const auto info = (*file)->info();
  if (!info) return std::unexpected(info.error());
  auto proof = prove(checkpoint, **file);
  if (!proof) return std::unexpected(proof.error());
  if (!*proof) return std::nullopt;
  StartPoint start{checkpoint.offset, **std::move(proof), checkpoint.modified_ns,
                   checkpoint.stream};
  return Rest{path, *std::move(file), *info, std::move(start)};
}

void FileSet::finish(Rest rest, const std::string& origin) {
  make_way(rest.path, rest.info.identity);
  FollowState state;
  state.path = std::move(rest.path);
  state.origin = origin;
  state.finishing = true;
  state.left_ns = rest.start.known_ns = std::max(rest.start.known_ns, rest.info.modified_ns);
  state.deadline = context_.clock.steady() + options_.grace;
  add(std::move(state), std::move(rest.file), rest.info, std::move(rest.start));
}

// A checkpoint whose file is gone.
void FileSet::drop_lost(const std::string& key) { store(key, ""); }

// Only a batch can change a checkpoint, so that the change is committed in order; the stream exists
// for this batch alone.
void FileSet::store(const std::string& key, std::string value) {
  LineBatch batch;
  batch.kind = BatchKind::EndOfStream;
  batch.stream = context_.sink.open_stream({context_.source, key});
  batch.arrival = context_.clock.now();
  batch.checkpoint = {key, std::move(value)};
  sink_took(context_.sink.push(std::move(batch)));
}

// Where to begin with a file that is opened under `path`. Error: it cannot be read now; its
// checkpoint is kept for the next try.
FileSet::Start FileSet::first_point(const std::string& path, const DiskFile& file,
                                    const FileInfo& info) {
  const auto known = start_up_.remembered.find(path);
  const bool remembered = known != start_up_.remembered.end();
  const auto checkpoint = remembered ? decode_checkpoint(known->second) : std::nullopt;
  const bool was_followed = remembered || (!start_up_.done && context_.checkpoints.contains(path));
  const bool same = checkpoint && same_file(*checkpoint, info.identity);
  StartPoint start;
  start.known_ns = info.modified_ns;
  if (same) {
    auto proof = prove(*checkpoint, file);
    if (!proof) return std::unexpected(proof.error());
    if (*proof) start.offset = checkpoint->offset;
    if (*proof) start.stream = checkpoint->stream;
    if (*proof) start.proof = **std::move(proof);
    if (*proof && checkpoint->modified_ns != 0) start.known_ns = checkpoint->modified_ns;
    if (!*proof) ++counts_.truncations;
    if (!*proof) recover_moved(path, *checkpoint);
  } else if (checkpoint) {
    recover_moved(path, *checkpoint);
  } else if (!was_followed) {
    start.offset = first_offset(path, file, info);
    auto proof = read_proof(file, start.offset);
    if (!proof) return std::unexpected(proof.error());
    start.proof = *std::move(proof);
  } else if (remembered && !checkpoint) {
    log_warning("{}: its checkpoint makes no sense, so it is read from its start", path);
    ++counts_.read_errors;
  }
  start_up_.remembered.erase(path);
  start_up_.sizes.erase(path);
  return start;
}

uint64_t FileSet::first_offset(const std::string& path, const DiskFile& file,
                               const FileInfo& info) {
  if (const auto known = start_up_.sizes.find(path); known != start_up_.sizes.end())
    return last_line_start(file, std::min(known->second, info.size), context_.max_line);
  if (start_up_.done || options_.from_beginning) return 0;
  return last_line_start(file, info.size, context_.max_line);
}

}  // namespace picket
