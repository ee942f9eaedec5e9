// FakeDisk: a Disk in memory whose files can be renamed, cut, replaced and denied at any
// time.
//
// It tells names from files as a real file system does: an open file lives on under any name or
// none. Folders exist through the names in them, and as soon as make_folder() was called. A link
// may lead to a folder; links to such links are not known.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "daemon/disk.h"

namespace picket {

class FakeDisk final : public Disk {
 public:
  DiskResult<std::unique_ptr<DiskFile>> open(const std::string& path,
                                             LinkRule links) const override;
  DiskResult<FileInfo> stat(const std::string& path, LinkRule links) const override;
  DiskResult<std::vector<std::string>> list(const std::string& folder) const override;
  std::vector<std::string> glob(const std::string& pattern) const override;

  DiskResult<std::unique_ptr<AppendFile>> create(const std::string& path) override;
  std::error_code remove(const std::string& path) override;
  std::error_code make_folders(const std::string& path) override;
  std::error_code sync_folder(const std::string& path) override;

  // Appends; creates the file when there is none.
  void write(const std::string& path, std::string_view text);
  // A new file with this content takes the name.
  void replace(const std::string& path, std::string_view text);
  void truncate(const std::string& path, uint64_t size);
  // Overwrites in place: the same file with other content.
  void rewrite(const std::string& path, std::string_view text);
  // As rename(2): `to` is replaced.
  void rename(const std::string& from, const std::string& to);
  void copy(const std::string& from, const std::string& to);
  void link(const std::string& from, const std::string& to);
  void symlink(const std::string& target, const std::string& path);
  const std::string& text(const std::string& path) const {
    return entries_.at(path).content->bytes;
  }
  void make_folder(const std::string& path);
  void make_fifo(const std::string& path);

  // Opening gives EACCES; for a folder, everything below gives EACCES too.
  void deny(const std::string& path) { denied_.insert(path); }
  void allow(const std::string& path) { denied_.erase(path); }
  // Reading the file at `path` gives `error` until it is cleared.
  void fail_reads(const std::string& path, std::error_code error);
  // The next file gets this inode number, as a file system that reuses them would.
  void next_inode(uint64_t inode) { inodes_.next = inode; }
  // Without birth times the inode number of a file that is gone for good is used again.
  void record_birth(bool record) { inodes_.record_birth = record; }

  // The power fails: files made by create() lose what was not synced, except its first `kept`
  // bytes, and are gone if their folder was not synced. Everything else counts as synced.
  void crash(uint64_t kept = 0);

  struct Content {
    std::string bytes = {};
    FileIdentity identity = {};
    uint64_t links = 1;
    int64_t modified_ns = 0;  // counts births and changes of all files
    std::error_code read_error = {};
    std::optional<uint64_t> synced = {};  // bytes; nothing: all of them, always
    bool named = true;                    // its folder was synced
  };
  void called() const {
    if (const auto hook = hooks.call) hook();  // a copy: the hook may replace itself
  }
  mutable uint64_t opens = 0;
  mutable uint64_t reads = 0;
  // What others do in the midst of a look.
  struct Hooks {
    // Called before each call of a reader, be it about a name or an open file.
    std::function<void()> call = nullptr;
    // Called with its offset when a read has copied its bytes, before the reader goes on.
    std::function<void(uint64_t offset)> read = nullptr;
  };
  Hooks hooks = {};
  // What appending and syncing meet.
  struct Faults {
    uint64_t space_left = ~uint64_t{0};  // bytes; then ENOSPC
    std::error_code sync = {};
    std::error_code create = {};
    std::error_code remove = {};
    std::error_code truncate = {};
  };
  Faults faults = {};
  uint64_t syncs = 0;

 private:
  enum class Kind : uint8_t { File, Folder, Fifo, Symlink };
  struct Entry {
    Kind kind = Kind::File;
    std::shared_ptr<Content> content = nullptr;
    std::string target = {};
  };

  DiskResult<Entry> find(const std::string& path, LinkRule links) const;
  DiskResult<std::string> resolve_folders(std::string path, LinkRule links) const;
  bool folder_denied(const std::string& path) const;
  std::string& change(const std::string& path);
  void put(const std::string& path, Entry entry);

  std::map<std::string, Entry> entries_;
  std::set<std::string> denied_;
  // Who the next file will be.
  struct {
    uint64_t next = 100;
    std::vector<uint64_t> free = {};
    bool record_birth = true;
    int64_t changes = 0;  // of all files
  } inodes_;
};

}  // namespace picket
