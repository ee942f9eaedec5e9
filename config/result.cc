#include "config/result.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace picket {
namespace {

// The number of bytes at `at` that a terminal would act on or hide instead of show: control
// characters and the UTF-8 forms of C1 controls, line separators, zero-width and bidirectional
// marks. 0 when the byte is harmless. Messages quote rule files, and those may come from strangers.
size_t unprintable_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  if (first < 0x20 || first == 0x7f) return 1;
  if (first == 0xc2 && byte(at + 1) >= 0x80 && byte(at + 1) <= 0x9f) return 2;
  if (first != 0xe2) return 0;
  const unsigned third = byte(at + 2);
  if (byte(at + 1) == 0x80) {
    const bool zero_width = third >= 0x8b && third <= 0x8f;
    return zero_width || (third >= 0xa8 && third <= 0xae) ? 3 : 0;
  }
  return byte(at + 1) == 0x81 && third >= 0xa0 && third <= 0xaf ? 3 : 0;
}

// `text` with every such character shown as one '?'. Tabs become one space.
std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = unprintable_length(text, i);
    if (length == 0) {
      out += text[i++];
    } else {
      out += text[i] == '\t' ? ' ' : '?';
      i += length;
    }
  }
  return out;
}

// Line `number` of `text` without its line end, or nothing when there are fewer lines.
std::string_view line_of(std::string_view text, uint32_t number) {
  for (uint32_t line = 1; line < number; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// How many characters wide `text` is: bytes that continue a UTF-8 sequence do not count.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string position(const Location& where) {
  std::string out = where.file;
  if (where.line == 0) return out.empty() ? out : out + ": ";
  out += fmt::format("{}{}", out.empty() ? "" : ":", where.line);
  if (where.column != 0) out += fmt::format(":{}", where.column);
  return out + ": ";
}

}  // namespace

bool has_errors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::Error; });
}

std::string render(const Diagnostic& diagnostic, std::string_view text) {
  const char* kind = diagnostic.severity == Severity::Error ? "error" : "warning";
  std::string out =
      printable(fmt::format("{}{}: {}", position(diagnostic.where), kind, diagnostic.message));
  const std::string_view line =
      diagnostic.where.line == 0 ? std::string_view() : line_of(text, diagnostic.where.line);
  if (!line.empty()) {
    out += "\n  " + printable(line);
    if (diagnostic.where.column != 0) {
      const std::string_view before =
          line.substr(0, std::min<size_t>(line.size(), diagnostic.where.column - 1));
      out += "\n  " + std::string(width(printable(before)), ' ') + "^";
    }
  }
  if (!diagnostic.hint.empty()) out += "\n  hint: " + printable(diagnostic.hint);
  return out;
}

void append(Diagnostics& to, Diagnostics from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace picket
