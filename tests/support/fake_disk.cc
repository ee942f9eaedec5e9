#include "tests/support/fake_disk.h"

#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>

#include "daemon/inputs/file_names.h"

namespace picket {
namespace {

std::unexpected<std::error_code> failed(std::errc error) {
  return std::unexpected(std::error_code(static_cast<int>(error), std::system_category()));
}

FileInfo info_of(const FakeDisk::Content& content) {
  return {content.identity, content.bytes.size(), content.links, content.modified_ns};
}

class FakeFile final : public DiskFile {
 public:
  FakeFile(const FakeDisk& disk, std::shared_ptr<const FakeDisk::Content> content)
      : disk_(disk), content_(std::move(content)) {}

  DiskResult<FileInfo> info() const override {
    disk_.called();
    return info_of(*content_);
  }

  DiskResult<size_t> read_at(uint64_t offset, char* into, size_t length) const override {
    const auto got = read_behind(offset, "", {into, length});
    return got ? DiskResult<size_t>(got->value_or(0)) : std::unexpected(got.error());
  }

  DiskResult<std::optional<size_t>> read_behind(uint64_t offset, std::string_view before,
                                                std::span<char> into) const override {
    disk_.called();
    if (content_->read_error) return std::unexpected(content_->read_error);
    ++disk_.reads;
    const std::string_view bytes = content_->bytes;
    if (offset > bytes.size() || !bytes.substr(0, offset).ends_with(before)) return std::nullopt;
    const size_t count = std::min<size_t>(into.size(), bytes.size() - offset);
    std::ranges::copy(bytes.substr(offset, count), into.begin());
    if (const auto hook = disk_.hooks.read) hook(offset);  // a copy: the hook may replace itself
    return count;
  }

 private:
  const FakeDisk& disk_;
  std::shared_ptr<const FakeDisk::Content> content_;
};

class FakeAppendFile final : public AppendFile {
 public:
  FakeAppendFile(FakeDisk& disk, std::shared_ptr<FakeDisk::Content> content)
      : disk_(disk), content_(std::move(content)) {}

  std::error_code append(std::span<const std::string_view> parts) override {
    for (const std::string_view part : parts) {
      const std::string_view fits = part.substr(0, disk_.faults.space_left);
      content_->bytes += fits;
      disk_.faults.space_left -= fits.size();
      if (fits.size() < part.size()) return {ENOSPC, std::system_category()};
    }
    return {};
  }

  std::error_code sync() override {
    ++disk_.syncs;
    if (disk_.faults.sync) return disk_.faults.sync;
    content_->synced = content_->bytes.size();
    return {};
  }

  std::error_code truncate(uint64_t size) override {
    if (disk_.faults.truncate) return disk_.faults.truncate;
    content_->bytes.resize(size);
    content_->synced = std::min(content_->synced.value_or(0), size);
    return {};
  }

 private:
  FakeDisk& disk_;
  std::shared_ptr<FakeDisk::Content> content_;
};

}  // namespace

DiskResult<std::unique_ptr<DiskFile>> FakeDisk::open(const std::string& path,
                                                     LinkRule links) const {
  called();
  const auto entry = find(path, links);
  if (!entry) return std::unexpected(entry.error());
  if (denied_.contains(path)) return failed(std::errc::permission_denied);
  ++opens;
  return std::make_unique<FakeFile>(*this, entry->content);
}

DiskResult<FileInfo> FakeDisk::stat(const std::string& path, LinkRule links) const {
  called();
  const auto entry = find(path, links);
  if (!entry) return std::unexpected(entry.error());
  return info_of(*entry->content);
}

DiskResult<std::vector<std::string>> FakeDisk::list(const std::string& folder) const {
  called();
  if (denied_.contains(folder)) return failed(std::errc::permission_denied);
  const std::string real = folder_of(*resolve_folders(path_in(folder, "x"), {Symlinks::Follow}));
  std::vector<std::string> names;
  for (const auto& [path, entry] : entries_) {
    if (folder_of(path) == real) names.emplace_back(name_of(path));
  }
  return names;
}

std::vector<std::string> FakeDisk::glob(const std::string& pattern) const {
  called();
  std::vector<std::string> paths;
  const auto consider = [&](const std::string& path) {
    const bool match = ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
    if (match && !folder_denied(path)) paths.push_back(path);
  };
  for (const auto& [path, entry] : entries_) {
    consider(path);
    if (entry.kind != Kind::Symlink) continue;
    for (const auto& [other, unused] : entries_) {
      if (other.starts_with(entry.target + "/")) consider(path + other.substr(entry.target.size()));
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void FakeDisk::write(const std::string& path, std::string_view text) {
  if (!entries_.contains(path)) {
    auto content = std::make_shared<Content>();
    content->identity = {1, inodes_.next, inodes_.record_birth ? ++inodes_.changes : 0};
    if (inodes_.record_birth || inodes_.free.empty()) {
      ++inodes_.next;
    } else {
      content->identity.inode = inodes_.free.back();
      inodes_.free.pop_back();
    }
    entries_[path] = {Kind::File, std::move(content)};
  }
  change(path).append(text);
}

void FakeDisk::replace(const std::string& path, std::string_view text) {
  remove(path);
  write(path, text);
}

void FakeDisk::truncate(const std::string& path, uint64_t size) { change(path).resize(size); }

void FakeDisk::rewrite(const std::string& path, std::string_view text) { change(path) = text; }

void FakeDisk::rename(const std::string& from, const std::string& to) {
  Entry entry = entries_.at(from);
  entries_.erase(from);
  put(to, std::move(entry));
}

DiskResult<std::unique_ptr<AppendFile>> FakeDisk::create(const std::string& path) {
  if (faults.create) return std::unexpected(faults.create);
  if (entries_.contains(path)) return failed(std::errc::file_exists);
  write(path, "");
  const std::shared_ptr<Content>& content = entries_[path].content;
  content->synced = 0;
  content->named = false;
  return std::make_unique<FakeAppendFile>(*this, content);
}

std::error_code FakeDisk::remove(const std::string& path) {
  if (faults.remove) return faults.remove;
  const auto found = entries_.find(path);
  if (found == entries_.end()) return {ENOENT, std::system_category()};
  if (const auto& content = found->second.content) {
    --content->links;
    if (content->links == 0 && content.use_count() == 1)
      inodes_.free.push_back(content->identity.inode);
  }
  entries_.erase(found);
  return {};
}

std::error_code FakeDisk::make_folders(const std::string& path) {
  if (faults.create) return faults.create;
  make_folder(path);
  return {};
}

std::error_code FakeDisk::sync_folder(const std::string& path) {
  if (faults.sync) return faults.sync;
  for (auto& [name, entry] : entries_) {
    if (entry.content && folder_of(name) == path) entry.content->named = true;
  }
  return {};
}

void FakeDisk::crash(uint64_t kept) {
  std::erase_if(entries_, [](const auto& entry) {
    return entry.second.content && !entry.second.content->named;
  });
  for (auto& [name, entry] : entries_) {
    if (!entry.content || !entry.content->synced) continue;
    std::string& bytes = entry.content->bytes;
    bytes.resize(std::min<uint64_t>(bytes.size(), *entry.content->synced + kept));
    entry.content->synced = bytes.size();
  }
}

void FakeDisk::copy(const std::string& from, const std::string& to) {
  const std::string bytes = entries_.at(from).content->bytes;
  replace(to, bytes);
}

void FakeDisk::link(const std::string& from, const std::string& to) {
  Entry entry = entries_.at(from);
  ++entry.content->links;
  put(to, std::move(entry));
}

void FakeDisk::symlink(const std::string& target, const std::string& path) {
  put(path, {Kind::Symlink, nullptr, target});
}

void FakeDisk::make_folder(const std::string& path) { put(path, {Kind::Folder}); }

void FakeDisk::make_fifo(const std::string& path) { put(path, {Kind::Fifo}); }

void FakeDisk::fail_reads(const std::string& path, std::error_code error) {
  entries_.at(path).content->read_error = error;
}

DiskResult<FakeDisk::Entry> FakeDisk::find(const std::string& path, LinkRule links) const {
  const auto real = resolve_folders(path, links);
  if (!real) return std::unexpected(real.error());
  if (folder_denied(*real)) return failed(std::errc::permission_denied);
  const auto found = entries_.find(*real);
  if (found == entries_.end()) return failed(std::errc::no_such_file_or_directory);
  const Entry& entry = found->second;
  switch (entry.kind) {
    case Kind::File:
      return entry;
    case Kind::Folder:
      return failed(std::errc::is_a_directory);
    case Kind::Fifo:
      return failed(std::errc::operation_not_supported);
    case Kind::Symlink:
      break;
  }
  if (links.symlinks == Symlinks::Refuse) return failed(std::errc::too_many_symbolic_link_levels);
  return find(entry.target, links);
}

// `path` with the folders in it that are links replaced by what they lead to.
DiskResult<std::string> FakeDisk::resolve_folders(std::string path, LinkRule links) const {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    const auto found = entries_.find(path.substr(0, end));
    if (found == entries_.end() || found->second.kind != Kind::Symlink) continue;
    if (links.symlinks == Symlinks::Refuse && end > links.trusted)
      return failed(std::errc::too_many_symbolic_link_levels);
    path.replace(0, end, found->second.target);
    end = found->second.target.size();
  }
  return path;
}

bool FakeDisk::folder_denied(const std::string& path) const {
  return denied_.contains(folder_of(path));
}

std::string& FakeDisk::change(const std::string& path) {
  Content& content = *entries_.at(path).content;
  content.modified_ns = ++inodes_.changes;
  return content.bytes;
}

void FakeDisk::put(const std::string& path, Entry entry) {
  remove(path);
  entries_[path] = std::move(entry);
}

}  // namespace picket
