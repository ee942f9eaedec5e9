#include "daemon/dead_letter.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "daemon/failpoint.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
// What waits while the disk is full.
constexpr size_t kPendingBytesMax = 1 << 20;
constexpr mode_t kMode = 0600;
constexpr std::string_view kRecordStart = "{\"time\":";

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                             reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

std::string error_text() { return std::system_category().message(errno); }

}  // namespace

Result<std::unique_ptr<DeadLetterFile>> DeadLetterFile::open(std::string path, uint64_t max_bytes) {
  std::unique_ptr<DeadLetterFile> file(new DeadLetterFile(std::move(path), max_bytes));
  if (!file->path_.empty() && !file->reopen()) {
    return fail({file->path_, 0, 0},
                "the dead-letter file cannot be opened: " + file->stats_.last_error);
  }
  return file;
}

DeadLetterFile::~DeadLetterFile() {
  flush();
  close();
}

void DeadLetterFile::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  size_ = 0;
  whole_ = false;
}

// O_NONBLOCK, so that a FIFO of that name cannot hold up the daemon.
bool DeadLetterFile::reopen() {
  close();
  constexpr int kFlags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  descriptor_ = ::open(path_.c_str(), kFlags, kMode);
  if (descriptor_ < 0) return failed(error_text());
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close();
    return failed("it is no regular file");
  }
  // One that was made by hand may be open to others.
  if ((info.st_mode & 0777) != kMode && ::fchmod(descriptor_, kMode) != 0) {
    const std::string why = error_text();
    close();
    return failed(why);
  }
  size_ = static_cast<uint64_t>(info.st_size);
  return true;
}

bool DeadLetterFile::failed(std::string why) {
  stats_.last_error = std::move(why);
  return false;
}

void DeadLetterFile::write(const DeadLetterRecord& record) {
  std::string line = path_.empty() ? std::string() : to_line(record);
  if (path_.empty() || line.size() > max_bytes_ / 2) {
    ++stats_.dropped;
    return;
  }
  if (buffer_.size() + line.size() > kBufferBytes) flush();
  if (buffer_.size() + line.size() > kPendingBytesMax) {
    ++stats_.dropped;
    return;
  }
  buffer_ += line;
}

// Whole records only: the largest number of them that fits into what is left of the file.
void DeadLetterFile::flush() {
  while (!buffer_.empty()) {
    if (!there() && !reopen()) return;
    if (!whole_ && !take_back_torn()) return;
    const uint64_t room = max_bytes_ / 2 - std::min(size_, max_bytes_ / 2);
    size_t length = buffer_.size();
    if (length > room) {
      const size_t end = room == 0 ? buffer_.npos : buffer_.rfind('\n', room - 1);
      length = end == buffer_.npos ? 0 : end + 1;
    }
    if (length == 0 ? !rotate() : !append(length)) return;
  }
  stats_.last_error.clear();
}

// Another program may have rotated or removed the file.
bool DeadLetterFile::there() const {
  struct stat ours {};
  struct stat named {};
  return descriptor_ >= 0 && ::fstat(descriptor_, &ours) == 0 &&
         ::lstat(path_.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

// Where the last whole record ends.
uint64_t DeadLetterFile::whole_bytes() const {
  std::string chunk(kBufferBytes, '\0');
  uint64_t end = size_;
  while (end > 0) {
    const uint64_t begin = end - std::min<uint64_t>(end, chunk.size());
    const ssize_t got = ::pread(descriptor_, chunk.data(), end - begin, static_cast<off_t>(begin));
    if (got != static_cast<ssize_t>(end - begin)) return size_;
    const size_t newline = std::string_view(chunk.data(), end - begin).rfind('\n');
    if (newline != std::string_view::npos) return begin + newline + 1;
    end = begin;
  }
  return 0;
}

// Not when the file is opened, since a generation that is about to end may write to it then. What
// does not look like a record stays: somebody may have named the wrong file.
bool DeadLetterFile::take_back_torn() {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) return failed(error_text());
  size_ = static_cast<uint64_t>(info.st_size);
  const uint64_t whole = whole_bytes();
  std::string start(std::min<uint64_t>(size_ - whole, kRecordStart.size()), '\0');
  const ssize_t got = ::pread(descriptor_, start.data(), start.size(), static_cast<off_t>(whole));
  if (got > 0 && kRecordStart.starts_with(start)) {
    if (::ftruncate(descriptor_, static_cast<off_t>(whole)) != 0) return failed(error_text());
    size_ = whole;
  }
  whole_ = true;
  return true;
}

// What is written of a record that did not fit on the disk is taken back, or the next record would
// continue it.
bool DeadLetterFile::append(size_t length) {
  failpoint(Failpoint::DeadLetterWrite);
  size_t done = 0;
  while (done < length) {
    const ssize_t wrote = ::write(descriptor_, buffer_.data() + done, length - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) break;
    done += static_cast<size_t>(wrote);
  }
  failpoint(Failpoint::DeadLetterWritten);
  const std::string why = done < length ? error_text() : std::string();
  const size_t last = done == 0 ? buffer_.npos : buffer_.rfind('\n', done - 1);
  const size_t whole = last == buffer_.npos ? 0 : last + 1;
  size_ += whole;
  stats_.bytes += whole;
  stats_.written += static_cast<uint64_t>(
      std::count(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(whole), '\n'));
  buffer_.erase(0, whole);
  if (whole == length) return true;
  if (done > whole && ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) close();
  return failed(why);
}

bool DeadLetterFile::rotate() {
  failpoint(Failpoint::DeadLetterRename);
  if (std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return failed(error_text());
  failpoint(Failpoint::DeadLetterRenamed);
  return reopen();
}

std::string to_line(const DeadLetterRecord& record) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("time", format_rfc3339(record.time));
  json.member("source", record.source);
  json.member("file", record.file);
  json.member("offset", record.offset);
  json.member("reason", to_text(record.reason));
  if (record.reason == DecodeError::InvalidUtf8 || record.reason == DecodeError::TooLong) {
    json.member("line_base64", base64(record.line));
  } else {
    json.member("line", record.line);
  }
  json.end_object();
  text.push_back('\n');
  return text;
}

}  // namespace picket
