// Group values: the group-by values of one group as one text, the identity behind its key.
//
// Each value ends in a zero byte; the bytes 0 and 1 inside a value are written as two bytes, so
// that different tuples never look the same.
//
// Thread rule: pure functions. Tested by group_values_test.cc.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

inline void put_group_value(std::string& out, std::string_view value) {
  bool plain = std::none_of(value.begin(), value.end(), [](char c) { return c == 0 || c == 1; });
  if (plain) {
    out.append(value);
  } else {
    for (char c : value) {
      if (c == 0 || c == 1) out.push_back(1);
      out.push_back(c == 0 ? 2 : c);
    }
  }
  out.push_back(0);
}

inline std::vector<std::string> split_group_values(std::string_view text) {
  std::vector<std::string> values;
  while (!text.empty()) {
    size_t end = std::min(text.find(char{0}), text.size());
    std::string value;
    for (size_t i = 0; i < end; ++i) {
      bool escape = text[i] == 1 && i + 1 < end;
      if (escape) ++i;
      value.push_back(escape && text[i] == 2 ? char{0} : text[i]);
    }
    values.push_back(std::move(value));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return values;
}

}  // namespace picket
