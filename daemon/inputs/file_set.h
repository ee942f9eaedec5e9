// FileSet: which files the patterns of one input name, and what became of each.
//
// The part of the `file` input without event loop: file_tail.cc calls scan(), poll(), touch() and
// turn() when inotify or a timer says so; tests call them directly over a FakeDisk.
//
// Hazards and answers
//  - renamed (rotated): the old file is read to its end, then the new one from its start. The old
//    one stays open for `grace`, because writers reopen late. It keeps a checkpoint under its new
//    name while it is finished.
//  - renamed, or copied and truncated, more than once between two looks: what held the contents in
//    between is known by its birth time, and read in that order.
//  - deleted: as renamed. Its checkpoint has a key that is no name, for the case that a compressed
//    copy remains.
//  - truncated, or cut and regrown: the unfinished line is pushed as it is, then reading starts
//    anew. When the old content lives on in a copy next to it (copytruncate), what was not yet read
//    is read from the copy. A copy that a pattern names counts once like any other.
//  - rotated while the daemon was down: found by identity, or by content, among the files of the
//    same folder, and finished first. Looked for again with every scan while it may be a file that
//    cannot be read.
//  - unreadable, a folder, a FIFO, a symbolic link: reported in stats(), looked at again with every
//    scan. A folder that cannot be searched any more does not end the files that are open.
//  - compressed by rotation: never read as it is. While the plain file is open it is read to its
//    end; otherwise the compressed copy is found by its content like any copy, and what was not yet
//    read is read from it, decompressed.
//
// Invariants
//  1. One file is read once, whatever names it has: files are told apart by identity.
//  2. A file is not read while an older one of the same name has unread bytes.
//  3. turn() reads each waiting file at most once.
// Thread rule: the input thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "daemon/inputs/file_follow.h"
#include "daemon/inputs/input.h"

namespace picket {

struct FileSetOptions {
  std::vector<std::string> patterns = {};
  // Read files that exist at start-up and have no checkpoint from their start, not their end.
  bool from_beginning = false;
  // Refuse: no link below the part of a pattern that has no wildcards.
  Symlinks symlinks = Symlinks::Refuse;
  std::chrono::milliseconds grace{5000};
};

enum class TurnOutcome : uint8_t {
  Idle,    // nothing left to read until something changes
  More,    // call again soon
  Closed,  // the sink takes nothing more
};

class FileSet {
 public:
  // `context` must outlive the set.
  FileSet(FileSetOptions options, const InputContext& context);

  // Looks at the patterns anew. The first call is the start-up: it resumes from the checkpoints.
  void scan();
  // `path` may have been written to.
  void touch(const std::string& path);
  // Looks for silent changes: at all rotated files and at the next `files_max` others.
  void poll(size_t files_max);
  // Gives every waiting file one read, and closes files that are done.
  TurnOutcome turn();

  // True when a path could not be looked at or opened: worth a scan before long.
  bool troubled() const { return !troubles_.empty(); }
  // Folders whose entries the patterns name, as far as they are known without a scan.
  std::set<std::string> folders() const;
  InputStats stats() const;

 private:
  using FileId = uint64_t;  // rising with age
  using Start = DiskResult<StartPoint>;
  // Unread content that was found under another name, open and proven.
  struct Rest {
    std::string path;
    std::unique_ptr<DiskFile> file;
    FileInfo info;
    StartPoint start;
  };
  using Rests = std::vector<Rest>;
  using Pending = std::map<std::string, FileCheckpoint>;  // not settled yet, by key
  using Look = DiskResult<std::optional<Rest>>;
  // What became of contents that a name had and lost between two looks.
  struct Older {
    bool found = false;      // some that were not open yet; they are now
    int64_t newest_ns = 0;   // all that were made before are known; 0: there are none
    int64_t settled_ns = 0;  // the same, but for a file that has the name now and is not open yet
  };
  // What a new file is to one that is followed and whose name it was made from.
  enum class Kinship : uint8_t {
    None,
    Part,    // a copy of what was read already
    Longer,  // a copy that may hold more; the original is to be looked at first
  };
  // Identities of the files of one folder; built at most once per scan.
  using FolderIndex = std::map<FileIdentity, std::string>;

  // Start-up and copies (file_set_recover.cc).
  void recover();
  void recover_one(const std::string& key, Pending& pending);
  Look unfinished(const std::string& key, const FileCheckpoint& checkpoint);
  Look find_rotated(const std::string& key, const FileCheckpoint& checkpoint);
  Look find_copy(const std::string& path, const FileCheckpoint& from,
                 const FileCheckpoint& known) const;
  Kinship kinship(const std::string& path, const DiskFile& file, const FileInfo& info) const;
  Pending unsettled() const;
  bool is_open(const FileCheckpoint& checkpoint) const;
  bool has_checkpoint(const Rest& rest, const FileCheckpoint& from) const;
  bool is_read_by_other(const Rest& rest, const FileCheckpoint& from) const;
  void advance_originals(const FollowedFile& copy);
  bool will_be_followed(const Rest& rest) const;
  Look rest_at(const std::string& path, const FileCheckpoint& checkpoint) const;
  void recover_moved(const std::string& path, const FileCheckpoint& checkpoint);
  void finish(Rest rest, const std::string& origin);
  void put_aside(const std::string& key, FileCheckpoint checkpoint);
  void drop_lost(const std::string& key);
  void store(const std::string& key, std::string value);
  Start first_point(const std::string& path, const DiskFile& file, const FileInfo& info);
  uint64_t first_offset(const std::string& path, const DiskFile& file, const FileInfo& info);

  // What had a name between two looks (file_set_between.cc).
  Older finish_between(const std::string& path, const FileCheckpoint& before);
  Rests between(const std::string& path, const FileCheckpoint& before, Older& older);
  void know_older(const std::string& key, FileCheckpoint checkpoint, int64_t settled_ns);

  // One look at the names (file_set_scan.cc).
  LinkRule links(const std::string& path) const;
  LinkRule links_beside(const std::string& path) const;
  std::set<std::string> matching_paths() const;
  bool matches(const std::string& path) const;
  void follow_renames();
  void settle_name(FileId id);
  void make_way(const std::string& name, const FileIdentity& taker);
  void retire_missing(const std::set<std::string>& paths);
  void look_at(const std::string& path);
  void open_new(const std::string& path);
  void finish_missed(const std::string& path);
  const FolderIndex& index_of(const std::string& folder);
  FolderIndex index(const std::string& folder, const std::string& origin) const;
  FolderIndex steady_index(const std::string& folder, const std::string& origin) const;
  void steadily(const std::string& path, const std::function<void()>& look);
  std::string name_now(const FollowedFile& file, const std::string& path);
  std::string key_now(const FollowedFile& file, const std::string& path);
  void retire(FileId id);
  void adopt(FileId id, const std::string& path);
  bool key_is_free(const std::string& key) const;

  // One file (file_set.cc).
  void add(FollowState state, std::unique_ptr<DiskFile> file, const FileInfo& info,
           StartPoint start);
  void enqueue(FileId id);
  bool waits_for_older(FileId id, const FollowedFile& file) const;
  bool finish_older(FollowedFile& file);
  void read_one(FileId id);
  void drained(FileId id);
  void replaced(FileId id);
  FileId renew(FileId id);
  void close_finished();
  void close(FileId id);
  void trouble(const std::string& path, std::error_code error);
  void sink_took(bool taken) { closed_ = closed_ || !taken; }

  // What had a name between two looks was looked for.
  struct Searched {
    FileCheckpoint before = {};  // what had it then
    int64_t newest_ns = 0;       // of what finish_between() gave
  };
  struct Names {
    std::map<std::string, FileId> by_path = {};  // followed ones only, not those being finished
    std::map<FileIdentity, FileId> by_identity = {};
    std::map<std::string, FolderIndex> index = {};  // valid during one scan
    std::map<std::string, Searched> searched = {};  // valid during one scan
  };

  // What the first scan leaves for later ones.
  struct StartUp {
    bool done = false;
    std::map<std::string, std::string> remembered = {};  // checkpoints whose file is not open yet
    Pending pending = {};  // those that were not settled, for what they are about is unreadable
    std::map<std::string, uint64_t> sizes = {};  // of files that could not be opened then
  };

  // path -> message, of the last look at it.
  using Troubles = std::map<std::string, std::string>;

  const FileSetOptions options_;
  const InputContext& context_;
  std::map<FileId, std::unique_ptr<FollowedFile>> files_;
  std::set<FileId> finishing_;
  std::set<FileId> undrained_;  // lost their name and were not at their end since
  Names names_;
  std::deque<FileId> queue_;
  StartUp start_up_;
  Troubles troubles_;
  InputStats counts_;
  FileId next_id_ = 1;
  FileId poll_next_ = 0;
  bool closed_ = false;
};

}  // namespace picket
