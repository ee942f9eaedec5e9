// Scratch: bump memory for the texts of one event.
//
// Views handed out stay valid until reset(); memory is kept for the next event, up to a bound.
// Thread rule: one owner.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace picket {

class Scratch {
 public:
  // `size` bytes plus `padding` readable ones behind them.
  char* allocate(size_t size, size_t padding = 0) {
    size_t need = size + padding;
    if (used_ + need > capacity_) grow(need);
    char* at = current_ + used_;
    used_ += need;
    return at;
  }
  // Gives back the last `unused` bytes of the latest allocation.
  void shrink(size_t unused) { used_ -= unused; }
  std::string_view copy(std::string_view text);
  void reset();

 private:
  void grow(size_t need);

  static constexpr size_t kFirstChunk = 64 << 10;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* current_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

}  // namespace picket
