// FileSet: what the names say now.
//
// One scan compares the names with the files that are open. Order matters: first the files being
// finished learn their present names (app.log.1 became app.log.2), so that a file that takes over a
// name does not take over its checkpoint; then names that are gone give their files up; then each
// existing name is looked at, which finds both new files and old ones under new names.
//
// Tested by tests/daemon/inputs/file_tail_*_test.cc.
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "daemon/inputs/file_names.h"
#include "daemon/inputs/file_set.h"

namespace picket {
namespace {

// True when the error says that the name does not lead to a regular file, rather than that it could
// not be looked at.
bool name_lost(std::error_code error) {
  constexpr std::array kLost = {std::errc::no_such_file_or_directory, std::errc::not_a_directory,
                                std::errc::is_a_directory, std::errc::too_many_symbolic_link_levels,
                                std::errc::operation_not_supported};
  return std::any_of(kLost.begin(), kLost.end(), [&](std::errc lost) { return error == lost; });
}

// In a folder where names change all the time what was seen last has to do.
constexpr int kLooksMax = 100;

}  // namespace

void FileSet::scan() {
  names_.index.clear();
  const std::set<std::string> paths = matching_paths();
  recover();
  follow_renames();
  retire_missing(paths);
  for (const std::string& path : paths) {
    if (closed_) return;
    look_at(path);
  }
  std::erase_if(troubles_, [&](const auto& entry) {
    return !paths.contains(entry.first) && !names_.by_path.contains(entry.first);
  });
  names_.index.clear();
  names_.searched.clear();
  start_up_.done = true;
}

std::set<std::string> FileSet::folders() const {
  std::set<std::string> folders;
  for (const std::string& pattern : options_.patterns) {
    const std::string folder = folder_of(pattern);
    if (!has_wildcard(folder)) {
      folders.insert(folder);
    } else {
      for (std::string& found : context_.disk.glob(folder)) folders.insert(std::move(found));
    }
  }
  return folders;
}

std::set<std::string> FileSet::matching_paths() const {
  std::set<std::string> paths;
  for (const std::string& pattern : options_.patterns) {
    for (std::string& path : context_.disk.glob(pattern)) {
      if (!is_compressed_name(path)) paths.insert(std::move(path));
    }
  }
  return paths;
}

bool FileSet::matches(const std::string& path) const {
  return !is_compressed_name(path) &&
         std::any_of(options_.patterns.begin(), options_.patterns.end(), [&](const auto& pattern) {
           return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
         });
}

// For a name that a pattern means. The folder that a pattern names without wildcards is the choice
// of whoever wrote the configuration, links included; what is below may be anybody's.
LinkRule FileSet::links(const std::string& path) const {
  LinkRule rule{options_.symlinks};
  for (const std::string& pattern : options_.patterns) {
    const std::string folder = fixed_folder(pattern);
    const bool above = path.starts_with(folder) &&
                       (folder.ends_with('/') || path.substr(folder.size()).starts_with('/'));
    if (above) rule.trusted = std::max(rule.trusted, folder.size());
  }
  return rule;
}

// For what is found beside such a name: itself never a link.
LinkRule FileSet::links_beside(const std::string& path) const {
  const LinkRule rule = links(path);
  const bool any_folder = rule.symlinks == Symlinks::Follow;
  return {Symlinks::Refuse, any_folder ? folder_of(path).size() : rule.trusted};
}

void FileSet::follow_renames() {
  for (const FileId id : finishing_) settle_name(id);
}

void FileSet::settle_name(FileId id) {
  FollowedFile& file = *files_.at(id);
  const std::string before = std::exchange(file.state.path, "");
  const std::string now = key_now(file, before);
  if (now != before) make_way(now, file.identity());
  file.state.path = now;
  if (now == before) return;
  sink_took(file.remember());
  if (key_is_free(before)) sink_took(file.forget(before));
}

// The file that had this name, and has it no longer, moves its checkpoint away before another one,
// `taker`, writes its own there: a crash in between must not forget it. In a chain (app.log.1
// became app.log.2, app.log became app.log.1) the end of the chain thus moves first.
void FileSet::make_way(const std::string& name, const FileIdentity& taker) {
  if (key_is_free(name)) return;
  names_.index.clear();  // what is there may have been renamed since
  if (const auto known = start_up_.remembered.find(name); known != start_up_.remembered.end()) {
    const auto checkpoint = decode_checkpoint(known->second);
    if (checkpoint && !same_file(*checkpoint, taker)) {
      put_aside(name, *checkpoint);
      start_up_.remembered.erase(known);
    }
  }
  if (const auto followed = names_.by_path.find(name); followed != names_.by_path.end()) {
    retire(followed->second);
    return;
  }
  const auto holder = std::find_if(finishing_.begin(), finishing_.end(),
                                   [&](FileId id) { return files_.at(id)->state.path == name; });
  if (holder != finishing_.end()) settle_name(*holder);
}

void FileSet::retire_missing(const std::set<std::string>& paths) {
  const auto followed = names_.by_path;
  for (const auto& [path, id] : followed) {
    // Retiring one file may have retired another one that made way for it.
    if (paths.contains(path) || !names_.by_path.contains(path)) continue;
    const auto info = context_.disk.stat(path, links(path));
    if (info ? info->identity != files_.at(id)->identity() : name_lost(info.error())) {
      retire(id);
      if (!info) finish_between(path, files_.at(id)->read_mark());
    } else if (!info) {
      trouble(path, info.error());
    }
  }
}

void FileSet::look_at(const std::string& path) {
  const auto known = names_.by_path.find(path);
  const bool is_known = known != names_.by_path.end();
  auto info = context_.disk.stat(path, links(path));
  if (!info) {
    if (is_known && name_lost(info.error())) retire(known->second);
    const bool passed_over =
        info.error() == std::errc::no_such_file_or_directory ||
        (info.error() == std::errc::is_a_directory &&
         std::find(options_.patterns.begin(), options_.patterns.end(), path) ==
             options_.patterns.end());  // a folder beside the files that a wildcard means
    if (!passed_over) trouble(path, info.error());
    return;
  }
  if (is_known && files_.at(known->second)->identity() == info->identity) {
    if (!files_.at(known->second)->error()) troubles_.erase(path);
    enqueue(known->second);
    return;
  }
  if (is_known) {
    const FileId before = known->second;
    retire(before);
    finish_between(path, files_.at(before)->read_mark());
    // Meanwhile it may have been rotated away, and found.
    info = context_.disk.stat(path, links(path));
    if (!info) return;
  }
  const auto same = names_.by_identity.find(info->identity);
  if (same == names_.by_identity.end()) {
    open_new(path);
  } else if (files_.at(same->second)->state.finishing) {
    adopt(same->second, path);
  }
  // Else a second name of a file that is followed already.
}

void FileSet::open_new(const std::string& path) {
  auto file = context_.disk.open(path, links(path));
  const auto info = file ? (*file)->info() : std::unexpected(file.error());
  if (info && names_.by_identity.contains(info->identity)) return;  // renamed between the two looks
  auto start = info ? first_point(path, **file, *info) : std::unexpected(info.error());
  finish_missed(path);
  if (info && names_.by_identity.contains(info->identity)) return;  // it was missed itself
  if (start && start->offset == 0) {
    const Kinship kin = kinship(path, **file, *info);
    if (kin == Kinship::Longer) return;
    if (kin == Kinship::Part) {
      start_up_.sizes[path] = info->size;
      start = first_point(path, **file, *info);
    }
  }
  if (!start) {
    trouble(path, start.error());
    // What it held before start-up stays unread also when it can only be read later.
    const auto named = context_.disk.stat(path, links(path));
    if (!start_up_.done && !options_.from_beginning && named) start_up_.sizes[path] = named->size;
    return;
  }
  troubles_.erase(path);
  FollowState state;
  state.path = state.origin = path;
  if (const auto searched = names_.searched.find(path); searched != names_.searched.end())
    start->known_ns = std::max(start->known_ns, searched->second.newest_ns);
  // The file that had the name when this scan began may have been renamed once more since.
  make_way(path, info->identity);
  add(std::move(state), *std::move(file), *info, *std::move(start));
}

// What had the name since the file that was followed last, and lost it before it was opened.
void FileSet::finish_missed(const std::string& path) {
  if (const auto searched = names_.searched.find(path); searched != names_.searched.end()) {
    finish_between(path, FileCheckpoint(searched->second.before));
    return;
  }
  const auto last = std::find_if(finishing_.rbegin(), finishing_.rend(),
                                 [&](FileId id) { return files_.at(id)->state.origin == path; });
  if (last == finishing_.rend()) return;
  const FollowedFile& file = *files_.at(*last);
  FileCheckpoint mark = file.read_mark();
  mark.modified_ns = file.state.left_ns;
  finish_between(path, mark);
}

const FileSet::FolderIndex& FileSet::index_of(const std::string& folder) {
  const auto [entry, added] = names_.index.try_emplace(folder);
  if (added) entry->second = steady_index(folder, "");
  return entry->second;
}

// Of the files whose names were made from `origin`; of all if that is empty.
FileSet::FolderIndex FileSet::index(const std::string& folder, const std::string& origin) const {
  FolderIndex found;
  const auto names = context_.disk.list(folder);
  if (!names) return found;
  for (const std::string& name : *names) {
    std::string path = path_in(folder, name);
    if (!origin.empty() && !made_from(path, origin)) continue;
    const auto info = context_.disk.stat(path, links_beside(path));
    if (info) found.emplace(info->identity, std::move(path));
  }
  return found;
}

// A file that is renamed while the names are looked at may be missed: two looks must agree.
FileSet::FolderIndex FileSet::steady_index(const std::string& folder,
                                           const std::string& origin) const {
  FolderIndex found = index(folder, origin);
  for (int looks = 0; looks < kLooksMax; ++looks) {
    FolderIndex again = index(folder, origin);
    if (again == found) break;
    found = std::move(again);
  }
  return found;
}

// Looks, and looks again until no file that was made from `path` was renamed meanwhile.
void FileSet::steadily(const std::string& path, const std::function<void()>& look) {
  const std::string folder = folder_of(path);
  FolderIndex names = steady_index(folder, path);
  if (const auto known = names_.index.find(folder); known != names_.index.end()) {
    const bool renamed = std::ranges::any_of(names, [&](const auto& entry) {
      const auto same = known->second.find(entry.first);
      return same == known->second.end() || same->second != entry.second;
    });
    if (renamed) names_.index.erase(known);
  }
  for (int looks = 0; looks < kLooksMax; ++looks) {
    look();
    FolderIndex again = steady_index(folder, path);
    if (again == names) return;
    names = std::move(again);
    names_.index.clear();
  }
}

// The present name of a file in the folder of `path`: `path` itself if it still is one or cannot be
// looked at, else any, else nothing.
std::string FileSet::name_now(const FollowedFile& file, const std::string& path) {
  const auto info = context_.disk.stat(path, links_beside(path));
  const bool out_of_reach = !info && info.error() == std::errc::permission_denied;
  if (out_of_reach || (info && info->identity == file.identity())) return path;
  const FolderIndex& index = index_of(folder_of(path));
  const auto found = index.find(file.identity());
  return found == index.end() ? "" : found->second;
}

// The key of a checkpoint: the present name. A file without one may live on in a compressed copy,
// so that it needs a key that no other file can claim.
std::string FileSet::key_now(const FollowedFile& file, const std::string& path) {
  const std::string name = name_now(file, path);
  if (!name.empty()) return name;
  return nameless_key(file.state.origin, file.identity());
}

void FileSet::retire(FileId id) {
  FollowedFile& file = *files_.at(id);
  ++counts_.rotations;
  names_.by_path.erase(file.state.path);
  finishing_.insert(id);
  undrained_.insert(id);
  file.state.finishing = true;
  file.state.left_ns = file.known_ns();
  file.state.deadline = context_.clock.steady() + options_.grace;
  file.state.origin = std::exchange(file.state.path, "");
  const std::string now = key_now(file, file.state.origin);
  make_way(now, file.identity());
  file.state.path = now;
  // Pushed before the successor's first batch can claim the old name, so that no crash in between
  // forgets how far this file was read.
  sink_took(file.remember());
  enqueue(id);
}

void FileSet::adopt(FileId id, const std::string& path) {
  FollowedFile& file = *files_.at(id);
  const std::string before = std::exchange(file.state.path, "");
  make_way(path, file.identity());
  file.state.path = path;
  file.state.finishing = false;
  finishing_.erase(id);
  names_.by_path[path] = id;
  sink_took(file.remember());
  for (const std::string& old : {before, file.state.origin}) {
    if (old != path && key_is_free(old)) sink_took(file.forget(old));
  }
  enqueue(id);
}

// Whether a checkpoint under `key` is nobody's any more. What stands at that name now does not
// matter; it will say for itself how far it was read.
bool FileSet::key_is_free(const std::string& key) const {
  return !key.empty() && !names_.by_path.contains(key) && !start_up_.remembered.contains(key) &&
         !start_up_.pending.contains(key) && std::ranges::none_of(finishing_, [&](FileId id) {
           return files_.at(id)->state.path == key;
         });
}

}  // namespace picket
