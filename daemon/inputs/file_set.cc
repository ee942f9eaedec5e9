// FileSet: reading in turns, and the life of one file.
//
// Tested by tests/daemon/inputs/file_tail_*_test.cc.
#include "daemon/inputs/file_set.h"

#include <algorithm>
#include <utility>

#include "daemon/log.h"

namespace picket {

FileSet::FileSet(FileSetOptions options, const InputContext& context)
    : options_(std::move(options)), context_(context) {
  start_up_.remembered = context.checkpoints;
}

void FileSet::touch(const std::string& path) {
  if (const auto found = names_.by_path.find(path); found != names_.by_path.end())
    enqueue(found->second);
}

void FileSet::poll(size_t files_max) {
  for (const FileId id : finishing_) enqueue(id);
  auto file = files_.lower_bound(poll_next_);
  for (size_t looked = 0; looked < std::min(files_max, files_.size()); ++looked) {
    if (file == files_.end()) file = files_.begin();
    enqueue(file->first);
    ++file;
  }
  poll_next_ = file == files_.end() ? 0 : file->first;
}

TurnOutcome FileSet::turn() {
  for (size_t left = queue_.size(); left > 0 && !closed_; --left) {
    const FileId id = queue_.front();
    queue_.pop_front();
    const auto found = files_.find(id);
    if (found == files_.end()) continue;
    FollowedFile& file = *found->second;
    file.state.queued = false;
    file.state.waiting = waits_for_older(id, file);
    if (!file.state.waiting) read_one(id);
  }
  if (!closed_) close_finished();
  if (closed_) return TurnOutcome::Closed;
  return queue_.empty() ? TurnOutcome::Idle : TurnOutcome::More;
}

InputStats FileSet::stats() const {
  InputStats now = counts_;
  now.files_open = files_.size();
  for (const auto& [id, file] : files_) {
    now.lag_bytes_total += file->lag_bytes();
    now.lag_bytes_max = std::max(now.lag_bytes_max, file->lag_bytes());
  }
  if (!troubles_.empty()) {
    const auto& [path, message] = *troubles_.begin();
    now.last_error = path + ": " + message;
  }
  return now;
}

void FileSet::add(FollowState state, std::unique_ptr<DiskFile> file, const FileInfo& info,
                  StartPoint start) {
  const FileId id = next_id_++;
  auto added = std::make_unique<FollowedFile>(context_, std::move(file), info, std::move(start));
  added->state = std::move(state);
  names_.by_identity[info.identity] = id;
  if (added->state.finishing) {
    finishing_.insert(id);
    undrained_.insert(id);
  } else {
    names_.by_path[added->state.path] = id;
  }
  sink_took(added->start());
  files_.emplace(id, std::move(added));
  enqueue(id);
}

void FileSet::enqueue(FileId id) {
  FollowedFile& file = *files_.at(id);
  if (file.state.queued) return;
  file.state.queued = true;
  queue_.push_back(id);
}

// An older file comes first when it had this name, or has one that was made from it ("app.log.1").
bool FileSet::waits_for_older(FileId id, const FollowedFile& file) const {
  return std::any_of(undrained_.begin(), undrained_.lower_bound(id), [&](FileId older) {
    const FollowState& state = files_.at(older)->state;
    return state.origin == file.state.origin || state.path.starts_with(file.state.path);
  });
}

// Of a file of which nothing was read the bytes do not tell that it was cut. Gives whether an older
// content was found, which is to be read first. Looked for when the first bytes were fetched but
// not taken: what was cut before that has left its copy by now, and what is cut later is known by
// them.
bool FileSet::finish_older(FollowedFile& file) {
  const FileCheckpoint mark = file.read_mark();
  if (mark.offset > 0 || file.state.finishing) return false;
  const auto info = file.file().info();
  if (!info || info->modified_ns <= mark.modified_ns) return false;
  names_.index.clear();
  const Older older = finish_between(file.state.path, mark);
  if (!older.found) return false;
  sink_took(file.remember_unread(std::max(info->modified_ns, older.newest_ns)));
  return true;
}

void FileSet::read_one(FileId id) {
  FollowedFile& file = *files_.at(id);
  const uint64_t before = file.bytes_read();
  const bool had_failed = static_cast<bool>(file.error());
  ReadOutcome outcome = file.fetch();
  if (outcome == ReadOutcome::Fetched) {
    if (finish_older(file)) return enqueue(renew(id));
    outcome = file.take();
  }
  counts_.bytes_read += file.bytes_read() - before;
  switch (outcome) {
    case ReadOutcome::Fetched:
    case ReadOutcome::More:
      enqueue(id);
      break;
    case ReadOutcome::AtEnd:
      if (had_failed) troubles_.erase(file.state.path);
      drained(id);
      break;
    case ReadOutcome::Replaced:
      replaced(id);
      break;
    case ReadOutcome::Failed:
      // Not queued again: the next poll tries anew, so a bad disk is not hammered.
      trouble(file.state.path, file.error());
      break;
    case ReadOutcome::Closed:
      closed_ = true;
      break;
  }
}

void FileSet::drained(FileId id) {
  if (undrained_.erase(id) == 0) return;
  for (const auto& [other, file] : files_) {
    if (file->state.waiting) enqueue(other);
  }
}

// The rest of the old content may live on in a copy; it is read before the new content.
void FileSet::replaced(FileId id) {
  ++counts_.truncations;
  names_.index.clear();
  FollowedFile& file = *files_.at(id);
  const FileCheckpoint last = file.last_checkpoint();
  const FileCheckpoint read = file.read_mark();
  const std::string path = file.state.path;
  Look rest = std::nullopt;
  steadily(path, [&] { rest = find_copy(path, last, read); });
  const bool rest_found = rest && *rest;
  // The copy may be read and closed before the first look for what is older than the new content.
  const int64_t copied = rest_found ? (*rest)->info.identity.birth_ns + 1 : 0;
  // It holds what was known under the former name, too, which is to be forgotten with it.
  if (rest_found) finish(**std::move(rest), file.state.finishing ? file.state.origin : path);
  // Without content the checkpoint would lead to any file, this one first of all.
  const bool later = !rest && last.offset > 0;
  if (later) put_aside(path, last);
  const Older older = file.state.finishing ? Older{} : finish_between(path, read);
  sink_took(file.restart(rest_found || later, std::max(older.newest_ns, copied)));
  enqueue(rest_found || older.found ? renew(id) : id);
}

// Makes a file the youngest one: it now waits for those that were older or as old.
FileSet::FileId FileSet::renew(FileId id) {
  const FileId fresh = next_id_++;
  auto node = files_.extract(id);
  node.key() = fresh;
  FollowedFile& file = *node.mapped();
  file.state.queued = false;  // its place in the queue is under the old id, which is passed over
  names_.by_identity[file.identity()] = fresh;
  for (auto& [path, known] : names_.by_path) {
    if (known == id) known = fresh;
  }
  for (std::set<FileId>* ids : {&finishing_, &undrained_}) {
    if (ids->erase(id) > 0) ids->insert(fresh);
  }
  files_.insert(std::move(node));
  return fresh;
}

void FileSet::close_finished() {
  const auto now = context_.clock.steady();
  const std::set<FileId> finishing = finishing_;
  for (const FileId id : finishing) {
    FollowedFile& file = *files_.at(id);
    if (now < file.state.deadline || file.state.queued || waits_for_older(id, file)) continue;
    // The next scan that can look there will follow it.
    if (matches(file.state.path) && !is_nameless(file.state.path)) continue;
    read_one(id);  // what was written since the last poll
    if (closed_) return;
    // read_one may have queued it, or renewed it under another id.
    if (!files_.contains(id) || file.state.queued) continue;
    close(id);
  }
}

void FileSet::close(FileId id) {
  FollowedFile& file = *files_.at(id);
  const FollowState& state = file.state;
  if (state.origin != state.path && key_is_free(state.origin)) sink_took(file.forget(state.origin));
  advance_originals(file);
  const bool owns_key = !names_.by_path.contains(state.path);
  sink_took(file.end({owns_key ? state.path : "", {}}));
  if (file.error())
    log_warning("{}: given up before its end: {}", state.path, file.error().message());
  troubles_.erase(state.path);
  names_.by_identity.erase(file.identity());
  finishing_.erase(id);
  drained(id);
  files_.erase(id);
}

void FileSet::trouble(const std::string& path, std::error_code error) {
  std::string message = error.message();
  std::string& known = troubles_[path];
  if (known != message) ++counts_.read_errors;
  known = std::move(message);
}

}  // namespace picket
