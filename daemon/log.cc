// Tested by tests/daemon/log_test.cc.
#include "daemon/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kTextBytesMax = 8192;

std::string_view level_word(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return "error: ";
    case LogLevel::Warning:
      return "warning: ";
    case LogLevel::Info:
      return "info: ";
  }
  return "";
}

// JOURNAL_STREAM is inherited by children whose standard error may long be something else, so its
// device and inode are compared with what is open now.
bool stderr_is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == stream;
}

}  // namespace

std::string format_log_line(LogLevel level, std::string_view text, bool for_journal) {
  std::string line =
      for_journal ? fmt::format("<{}>", static_cast<int>(level)) : std::string(level_word(level));
  std::string clean;
  append_printable(clean, text.substr(0, kTextBytesMax + 4));
  line += clip_utf8(clean, kTextBytesMax);
  line += '\n';
  return line;
}

void log_text(LogLevel level, std::string_view text) {
  const int saved = errno;
  static const bool for_journal = stderr_is_journal();
  const std::string line = format_log_line(level, text, for_journal);
  ssize_t written = 0;
  do {
    written = write(STDERR_FILENO, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  errno = saved;
}

}  // namespace picket
