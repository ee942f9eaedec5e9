// FileSet: contents that a name had and lost again between two looks.
//
// Tested by tests/daemon/inputs/file_tail_between_test.cc.
#include <algorithm>
#include <limits>
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
void FileSet::know_older(const std::string& key, FileCheckpoint checkpoint, int64_t settled_ns) {
  const auto known = start_up_.remembered.find(key);
  if (known == start_up_.remembered.end() || checkpoint.offset > 0) return;
  if (settled_ns <= checkpoint.modified_ns) return;
  checkpoint.modified_ns = settled_ns;
  known->second = encode_checkpoint(checkpoint);
  if (const auto waits = start_up_.pending.find(key); waits != start_up_.pending.end())
    waits->second = checkpoint;
  store(key, known->second);
}

// Contents that the name `path` had and lost again between two looks: in files that were renamed,
// and in copies of one that was cut. They are known by what rotation makes of the name, and because
// they were made after `before` was last seen to change. Where the file system does not record
// birth times they cannot be told from older ones.
FileSet::Older FileSet::finish_between(const std::string& path, const FileCheckpoint& before) {
  if (before.identity.birth_ns == 0) return {};
  Rests found;
  Older older;
  steadily(path, [&] { found = between(path, before, older); });
  older.found = !found.empty();
  for (Rest& rest : found) {
    finish(std::move(rest), path);
    ++counts_.rotations;
  }
  Searched& searched = names_.searched[path];
  searched = {before, std::max(searched.newest_ns, older.newest_ns)};
  return older;
}

// The youngest content comes last. What is open already is known as well: its own checkpoint says
// how far it was read, until it is closed.
FileSet::Rests FileSet::between(const std::string& path, const FileCheckpoint& before,
                                Older& older) {
  // A copy is made right before its original is cut, which may be in the same tick of the clock.
  const int64_t cut = before.offset == 0 ? 1 : 0;
  const int64_t first = std::max(before.identity.birth_ns + 1, before.modified_ns + cut);
  older = {};
  int64_t holder_ns = std::numeric_limits<int64_t>::max();
  const auto know = [&](const FileIdentity& identity) {
    older.newest_ns = std::max(older.newest_ns, identity.birth_ns + 1);
  };
  Rests found;
  for (const auto& [identity, name] : index(folder_of(path), path)) {
    // The file itself may have been cut, filled anew and only then renamed.
    const bool itself = same_file(before, identity);
    const bool open = names_.by_identity.contains(identity);
    if (name == path && !itself && !open) holder_ns = identity.birth_ns;
    if (name_of(path) != rotation_stem(name_of(name)) || name == path || matches(name)) continue;
    if (identity.birth_ns < first && !itself) continue;
    if (open) {
      if (!itself) know(identity);
      continue;
    }
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
    if (now && is_copy_of(**now, **file)) continue;
    know(identity);
    found.push_back({name, *std::move(file), *info, {}});
  }
  older.settled_ns = std::min(older.newest_ns, holder_ns);
  // Not by birth: a file that was copied and cut is older than the copy, but its content is not.
  std::ranges::sort(found, {}, [](const Rest& rest) { return rest.info.modified_ns; });
  return found;
}

}  // namespace picket
