#include "rules/folded_text.h"

#include <algorithm>
#include <cstring>

#include "rules/text_match.h"

namespace picket {

void FoldedText::assign(std::string_view value) {
  size_ = value.size();
  if (buffer_.size() < size_ + kRoom) buffer_.resize(size_ * 2 + kRoom);
  uint64_t all = 0;
  auto fold = [&](size_t at) {
    uint64_t word = 0;
    std::memcpy(&word, value.data() + at, sizeof(word));
    all |= word;
    word = fold8(word);
    std::memcpy(buffer_.data() + at, &word, sizeof(word));
  };
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= size_; at += sizeof(uint64_t)) fold(at);
  if (at > 0 && at < size_) {
    fold(size_ - sizeof(uint64_t));  // some bytes once more
  } else {
    for (; at < size_; ++at) {
      all |= static_cast<unsigned char>(value[at]);
      buffer_[at] = folded(value[at]);
    }
  }
  std::memset(buffer_.data() + size_, 0, kRoom);
  ascii_ = (all & 0x8080808080808080U) == 0;
}

}  // namespace picket
