// Log: lines for people on standard error. There is no log level to configure: picket says what
// changed or went wrong, never what happened per event.
//
// Under the journal (JOURNAL_STREAM names our standard error) a line starts with its priority,
// "<4>", otherwise with the word. Text is made harmless first: log lines quote what strangers sent.
//
// Thread rule: all calls from any thread; a line is one write(2), so lines never mix.
// Errors: none; a line that cannot be written is lost.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace picket {

// The numbers are those of syslog.
enum class LogLevel : uint8_t { Error = 3, Warning = 4, Info = 6 };

// The line as it is written, newline included.
std::string format_log_line(LogLevel level, std::string_view text, bool for_journal);

void log_text(LogLevel level, std::string_view text);

template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_text(LogLevel::Error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_text(LogLevel::Warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_text(LogLevel::Info, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace picket
