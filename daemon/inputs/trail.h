// Trail: the last bytes of a stream up to some offset.
//
// What a file held right before an offset tells whether it is still the file that was read up to
// there. A Trail is filled from the bytes that were read, never from the file anew: the file may
// have changed in between.
//
// Bound: kBytes. Thread rule: a plain value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace picket {

class Trail {
 public:
  // Enough for a time stamp or a request id to be inside.
  static constexpr size_t kBytes = 256;

  Trail() = default;
  explicit Trail(std::string_view bytes) { append(bytes); }

  void append(std::string_view bytes) {
    if (bytes.size() >= kBytes) {
      bytes_ = bytes.substr(bytes.size() - kBytes);
      return;
    }
    bytes_.append(bytes);
    if (bytes_.size() > kBytes) bytes_.erase(0, bytes_.size() - kBytes);
  }
  std::string_view view() const { return bytes_; }
  bool operator==(const Trail&) const = default;

 private:
  std::string bytes_ = {};
};

}  // namespace picket
