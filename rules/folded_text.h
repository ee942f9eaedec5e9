// FoldedText: a value with its ASCII letters folded, laid out so that TextScan can read it by
// words.
//
// Thread rule: one owner, who reuses it from value to value.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace picket {

class FoldedText {
 public:
  void assign(std::string_view value);
  std::string_view view() const { return {buffer_.data(), size_}; }
  // True when no byte is above 0x7F.
  bool ascii() const { return ascii_; }
  // The text; kRoom bytes behind it are readable.
  const char* data() const { return buffer_.data(); }
  size_t size() const { return size_; }
  static constexpr size_t kRoom = 72;

 private:
  std::vector<char> buffer_ = std::vector<char>(kRoom);
  size_t size_ = 0;
  bool ascii_ = true;
};

}  // namespace picket
