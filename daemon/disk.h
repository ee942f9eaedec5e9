// Disk: the only way inputs look at files, and keep files of their own.
//
// Seam: RealDisk is the file system; tests use FakeDisk (tests/support/fake_disk.h), which can
// rename, truncate, replace and deny at will, run out of space, and lose what was not synced.
//
// Only regular files are ever opened. A name in a log folder may be written by someone else, so a
// FIFO must not block the reader, a device must not be touched, and a symbolic link, be it the file
// or a folder above it, must not lead to a file that the writer could not read himself.
//
// Errors are std::error_code values of the system category. What is not a regular file gives
// is_a_directory for a folder and operation_not_supported for everything else; a symbolic link that
// must not be followed gives too_many_symbolic_link_levels.
// Thread rule: RealDisk may be called from any thread; a DiskFile belongs to one thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace picket {

// What makes a file the same file under any name. The birth time tells a reused inode number from
// the old file; it is 0 where the file system does not record one.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t birth_ns = 0;
  auto operator<=>(const FileIdentity&) const = default;
};

struct FileInfo {
  FileIdentity identity = {};
  uint64_t size = 0;
  uint64_t links = 1;       // 0: deleted, and only open descriptors keep it alive
  int64_t modified_ns = 0;  // when the content last changed, since the epoch, in coarse steps
};

enum class Symlinks : uint8_t { Refuse, Follow };

// Which symbolic links on the way to a file are followed.
struct LinkRule {
  Symlinks symlinks = Symlinks::Refuse;
  // Links within this many leading bytes of the path are followed in any case. The bytes must end
  // where a component does: they name a folder that no stranger can replace.
  size_t trusted = 0;
};

template <class T>
using DiskResult = std::expected<T, std::error_code>;

// An open regular file. Renaming or deleting its name does not disturb it.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // Size, links and time of change as they are now. Error: the descriptor went bad (EIO, ESTALE).
  virtual DiskResult<FileInfo> info() const = 0;
  // Reads up to `length` bytes at `offset`; fewer only at the end of the file, 0 beyond it. Error:
  // nothing was read.
  virtual DiskResult<size_t> read_at(uint64_t offset, char* into, size_t length) const = 0;
  // Reads as read_at() does, but gives nothing when the bytes right before `offset` are not
  // `before`. Both are looked at in one go: unless the content changes in that very moment, what
  // was read belongs to what came before it. REQUIRES: before.size() <= offset.
  virtual DiskResult<std::optional<size_t>> read_behind(uint64_t offset, std::string_view before,
                                                        std::span<char> into) const = 0;
};

// A file that this process made and alone writes to.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // Appends all parts in order. Error (ENOSPC, EIO): any first part of the bytes may be there.
  virtual std::error_code append(std::span<const std::string_view> parts) = 0;
  // Once this returned without an error, all that was appended survives a power loss. After an
  // error nobody knows what is on the disk, and a later success says nothing about what came
  // before.
  virtual std::error_code sync() = 0;
  // Cuts the file to its first `size` bytes; the next append goes behind them.
  virtual std::error_code truncate(uint64_t size) = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;
  // Opens for reading; never blocks. Error: absent, forbidden, or not a regular file.
  virtual DiskResult<std::unique_ptr<DiskFile>> open(const std::string& path,
                                                     LinkRule links) const = 0;
  // Identity and size of a regular file. Errors as for open, except that permission to read the
  // file itself is not needed.
  virtual DiskResult<FileInfo> stat(const std::string& path, LinkRule links) const = 0;
  // Names (without the folder) of all entries of a folder but "." and "..", in byte order. Error:
  // absent or forbidden.
  virtual DiskResult<std::vector<std::string>> list(const std::string& folder) const = 0;
  // Existing paths that match a shell pattern, in byte order. Cannot fail: what cannot be read does
  // not match.
  virtual std::vector<std::string> glob(const std::string& pattern) const = 0;
  // Makes a new, empty file of mode 0600. Error: the name is taken, or the folder does not allow
  // it.
  virtual DiskResult<std::unique_ptr<AppendFile>> create(const std::string& path) = 0;
  // Removes a name; open descriptors live on. Error: absent, or the folder does not allow it.
  virtual std::error_code remove(const std::string& path) = 0;
  // Makes a folder of mode 0700 and those above it; one that exists is fine. Error: forbidden, or
  // something else has the name.
  virtual std::error_code make_folders(const std::string& path) = 0;
  // Once this returned without an error, the names made and removed in the folder survive a power
  // loss.
  virtual std::error_code sync_folder(const std::string& path) = 0;
};

class RealDisk final : public Disk {
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
};

}  // namespace picket
