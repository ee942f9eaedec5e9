// Label text: what may leave the process as a label name or value.
//
// Neither Prometheus nor Alertmanager cleans what it is given: one raw newline breaks a scrape, and
// an escape sequence in a label reaches the terminal of whoever reads the notification.
//
// Thread rule: pure functions.
// Tested by tests/daemon/outputs/label_text_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "rules/json_writer.h"

namespace picket {

constexpr size_t kLabelBytesMax = 1024;

// `value` with control, hidden and invalid bytes made visible, cut to `max_bytes` between two
// characters.
inline std::string clean_label_value(std::string_view value, size_t max_bytes = kLabelBytesMax) {
  std::string out;
  // Escaping can only lengthen text, so what lies beyond this point can never be kept.
  append_printable(out, value.substr(0, max_bytes + 4));
  out.resize(clip_utf8(out, max_bytes).size());
  return out;
}

// [a-zA-Z_][a-zA-Z0-9_]*, and not one of the names that start with "__", which are reserved.
constexpr bool is_label_name(std::string_view name) {
  if (name.empty() || name.starts_with("__") || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '_') return false;
  }
  return true;
}

}  // namespace picket
