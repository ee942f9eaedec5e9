#include "rules/scratch.h"

#include <algorithm>
#include <cstring>

namespace picket {

std::string_view Scratch::copy(std::string_view text) {
  char* at = allocate(text.size());
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return {at, text.size()};
}

void Scratch::grow(size_t need) {
  size_t size = std::max({need, kFirstChunk, capacity_ < kFirstChunk ? 0 : capacity_});
  chunks_.push_back(std::make_unique<char[]>(size));
  current_ = chunks_.back().get();
  capacity_ = size;
  used_ = 0;
}

void Scratch::reset() {
  if (chunks_.size() > 1 || capacity_ > (kFirstChunk << 4)) {  // an unusual event: start over
    chunks_.clear();
    current_ = nullptr;
    capacity_ = 0;
  }
  used_ = 0;
}

}  // namespace picket
