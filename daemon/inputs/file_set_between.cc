// FileSet: contents that a name had and lost again between two looks.
//
// Tested by tests/daemon/inputs/file_tail_between_test.cc.
#include <algorithm>
#include <utility>

#include "daemon/inputs/file_names.h"
#include "daemon/inputs/file_set.h"

namespace picket {
namespace {

// Whether all that `file` holds is in `original`, which was not cut yet, too.
bool is_copy_of(const DiskFile& original, const DiskFile& file) {
  const auto whole = original.info();
  const auto info = file.info();
  if (!whole || !info || whole->identity.birth_ns > info->identity.birth_ns) return false;
  const auto proof = read_proof(file, info->size);
  return info->size <= whole->size && proof && proof == read_proof(original, info->size);
}

}  // namespace

// What was found is not to be found again when it was read and closed before the file can be
// opened. Where there is content the time of its change is needed to find copies of it.
void FileSet::know_older(const std::string& key, FileCheckpoint checkpoint, int64_t newest) {
  const auto known = start_up_.remembered.find(key);
  if (known == start_up_.remembered.end() || checkpoint.offset > 0) return;
  if (newest <= checkpoint.modified_ns) return;
  checkpoint.modified_ns = newest;
  known->second = encode_checkpoint(checkpoint);
  if (const auto waits = start_up_.pending.find(key); waits != start_up_.pending.end())
    waits->second = checkpoint;
  store(key, known->second);
}

// Contents that the name `path` had and lost again between two looks: in files that were renamed,
// and in copies of one that was cut. They are known by what rotation makes of the name, and because
// they were made after `before` was last seen to change. Where the file system does not record
// birth times they cannot be told from older ones. Gives the time before which all are known now,
// right after the birth of the youngest that was found; 0 if there was none.
int64_t FileSet::finish_between(const std::string& path, const FileCheckpoint& before) {
  if (before.identity.birth_ns == 0) return 0;
  Rests found;
  steadily(path, [&] { found = between(path, before); });
  int64_t newest = 0;
  for (Rest& rest : found) {
    newest = std::max(newest, rest.info.identity.birth_ns + 1);
    finish(std::move(rest), path);
    ++counts_.rotations;
  }
  Searched& searched = names_.searched[path];
  searched = {before, std::max(searched.newest, newest)};
  return newest;
}

// The youngest content comes last.
FileSet::Rests FileSet::between(const std::string& path, const FileCheckpoint& before) {
  // A copy is made right before its original is cut, which may be in the same tick of the clock.
  const int64_t cut = before.offset == 0 ? 1 : 0;
  const int64_t first = std::max(before.identity.birth_ns + 1, before.modified_ns + cut);
  Rests found;
  for (const auto& [identity, name] : index(folder_of(path), path)) {
    if (name_of(path) != rotation_stem(name_of(name)) || name == path || matches(name)) continue;
    // The file itself may have been cut, filled anew and only then renamed.
    const bool itself = same_file(before, identity);
    if ((identity.birth_ns < first && !itself) || names_.by_identity.contains(identity)) continue;
    auto file = context_.disk.open(name, links_beside(name));
    const auto info = file ? (*file)->info() : std::unexpected(file.error());
    if (!info) {
      trouble(name, info.error());
      continue;
    }
    if (info->identity != identity) continue;
    if (itself ? content_matches(before, **file) : kinship(name, **file, *info) != Kinship::None)
      continue;
    const auto now = context_.disk.open(path, links(path));
    if (!now || !is_copy_of(**now, **file)) found.push_back({name, *std::move(file), *info, {}});
  }
  // Not by birth: a file that was copied and cut is older than the copy, but its content is not.
  std::ranges::sort(found, {}, [](const Rest& rest) { return rest.info.modified_ns; });
  return found;
}

}  // namespace picket
