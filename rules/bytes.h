// Fixed-width values to and from bytes, for records and snapshots. Bounds are checked on reading.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace picket {

template <class T>
void put_bytes(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

template <class T>
[[nodiscard]] bool take_bytes(std::string_view& in, T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (in.size() < sizeof(T)) return false;
  if constexpr (std::is_same_v<T, bool>) {
    if (static_cast<unsigned char>(in[0]) > 1) return false;  // no bool has such a byte
  }
  std::memcpy(&value, in.data(), sizeof(T));
  in.remove_prefix(sizeof(T));
  return true;
}

inline void put_text(std::string& out, std::string_view text) {
  put_bytes(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

[[nodiscard]] inline bool take_text(std::string_view& in, std::string_view& text) {
  uint32_t size = 0;
  if (!take_bytes(in, size) || size > in.size()) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

[[nodiscard]] inline bool take_text(std::string_view& in, std::string& text) {
  std::string_view view;
  if (!take_text(in, view)) return false;
  text.assign(view);
  return true;
}

}  // namespace picket
