#include "rules/folded_text.h"

#include <algorithm>
#include <cstring>

#include "rules/text_match.h"

namespace picket {

void FoldedText::assign(std::string_view value) {
  size_ = value.size();
  if (buffer_.size() < size_ + kRoom) buffer_.resize(size_ * 2 + kRoom);
  uint64_t all = 0;
  size_t at = 0;
  auto fold = [&](size_t size) {
    uint64_t word = 0;
    std::memcpy(&word, value.data() + at, size);
    all |= word;
    word = fold8(word);
    std::memcpy(buffer_.data() + at, &word, sizeof(word));
  };
  for (; at + sizeof(uint64_t) <= size_; at += sizeof(uint64_t)) fold(sizeof(uint64_t));
  fold(size_ - at);  // and zeros behind it
  ascii_ = (all & 0x8080808080808080U) == 0;
}

}  // namespace picket
