// DeadLetterReader: reads dead letters back, so that lines can be replayed once the rules or
// schemas know what to do with them.
//
// Every letter gives exactly the line that it was written for, byte by byte; the one exception is a
// line over max_line, of which a letter holds only the beginning, so that it is a dead letter
// again. What is no letter (a torn line after a crash, some other log) is left out and counted.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rules/batch.h"

namespace picket {

class DeadLetterReader {
 public:
  // The longest letter of a line of `line` bytes: every byte escaped, and the other fields.
  static constexpr uint64_t letter_max(uint64_t line) { return 6 * line + (64 << 10); }

  DeadLetterReader();
  ~DeadLetterReader();
  DeadLetterReader(DeadLetterReader&&) noexcept;
  DeadLetterReader& operator=(DeadLetterReader&&) noexcept;

  // Puts the lines in the place of their letters. Batches without lines stay as they are.
  void unpack(LineBatch& batch);
  // Lines that were no letters.
  uint64_t refused() const { return refused_; }

 private:
  struct Parser;

  // REQUIRES: kPadding bytes behind `letter` can be read. The text lives until the next call.
  std::optional<std::string_view> line_of(std::string_view letter);

  std::unique_ptr<Parser> parser_;
  std::string decoded_;
  uint64_t refused_ = 0;
};

}  // namespace picket
