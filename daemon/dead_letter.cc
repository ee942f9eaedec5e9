#include "daemon/dead_letter.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

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
    return fail({file->path_, 0, 0}, "the dead-letter file cannot be opened: " + file->last_error_);
  }
  return file;
}

DeadLetterFile::~DeadLetterFile() {
  flush();
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool DeadLetterFile::reopen() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor_ < 0) {
    last_error_ = error_text();
    return false;
  }
  struct stat info {};
  size_ = ::fstat(descriptor_, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
  return true;
}

void DeadLetterFile::write(const DeadLetterRecord& record) {
  if (path_.empty()) {
    ++dropped_;
    return;
  }
  buffer_ += to_line(record);
  ++buffered_;
  if (buffer_.size() >= kBufferBytes) flush();
}

void DeadLetterFile::flush() {
  if (buffer_.empty()) return;
  if (size_ + buffer_.size() > max_bytes_ / 2) rotate();
  size_t done = 0;
  while (descriptor_ >= 0 && done < buffer_.size()) {
    ssize_t wrote = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      last_error_ = error_text();
      break;
    }
    done += static_cast<size_t>(wrote);
  }
  size_ += done;
  bytes_ += done;
  if (done == buffer_.size()) {
    written_ += buffered_;
    last_error_.clear();
  } else {
    dropped_ += buffered_;
  }
  buffer_.clear();
  buffered_ = 0;
}

void DeadLetterFile::rotate() {
  if (size_ > 0 && std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) {
    last_error_ = error_text();
    return;
  }
  reopen();
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
