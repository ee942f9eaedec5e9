// ClickhousePage: from the bytes of one answer to the rows that are new, and how far that gets us.
//
// An answer holds rows (FORMAT JSONEachRow) in the order of an integer column, the cursor, from the
// position's value on. A position says: all rows below `value` were taken, and of those at `value`
// the ones with these hashes, as often as they stand there. That is exact after every single row,
// so a batch may end anywhere, and rows with equal values that a page's end or a crash has torn
// apart are neither lost nor taken twice. Compared with keeping a window of ids it stays small, and
// it asks nothing of the rows but a cursor.
//
// ClickHouse may fail after it has answered 200 and begun with the rows; then an error's text
// stands between or behind them. A line that is not one valid JSON object with the cursor in order
// and below the end asked for breaks the answer. The rows before it count; it and what follows do
// not.
//
// Invariants: holds at most one row of row_bytes_max and what was put last; at most kTiesMax
// hashes. Thread rule: one thread; pure. Tested by tests/daemon/inputs/clickhouse_page_test.cc and
// tests/fuzz/clickhouse_page_fuzz.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules/batch.h"

namespace picket {

struct ClickhousePosition {
  int64_t value = 0;
  std::vector<uint64_t> ties = {};
  bool operator==(const ClickhousePosition&) const = default;
};

// "1 VALUE HASH HASH ...": a version, decimal and hexadecimal. Nothing for what is no such text.
std::string encode_position(const ClickhousePosition& position);
std::optional<ClickhousePosition> decode_position(std::string_view text);

class ClickhousePage {
 public:
  static constexpr size_t kTiesMax = 100'000;

  struct Limits {
    int64_t until = 0;  // rows are below it
    uint64_t row_bytes_max = 64 << 20;
  };

  // `position` outlives the page.
  ClickhousePage(std::string cursor, Limits limits, ClickhousePosition& position);
  ~ClickhousePage();

  // REQUIRES: next() gave nothing.
  void put(std::string_view bytes);
  // The next row that was not taken before, '\n' included; valid until put().
  std::optional<std::string_view> next();
  // Moves the position behind the row that next() gave.
  void accept();
  // The answer has ended whole: nothing more is put.
  void finish();

  // Why the answer cannot be believed from here on; empty while it can.
  const std::string& problem() const { return problem_; }
  // Rows of the answer so far, new or not.
  uint64_t rows() const { return rows_; }

 private:
  struct Parser;

  bool read_cursor(std::string_view row, int64_t* value);
  bool seen(int64_t value, uint64_t hash);
  void broken(std::string_view what, std::string_view row);

  const std::string cursor_;
  const Limits limits_;
  ClickhousePosition& position_;
  const int64_t seen_value_;
  std::unordered_map<uint64_t, uint64_t> seen_;  // hashes at seen_value_ that are to be passed over
  std::unique_ptr<Parser> parser_;
  PaddedBytes buffer_;
  size_t begin_ = 0;     // of what was not given yet
  size_t searched_ = 0;  // no '\n' in between
  uint64_t rows_ = 0;
  int64_t value_ = 0;  // of the row that next() gave, as is the hash
  uint64_t hash_ = 0;
  std::string problem_;
};

}  // namespace picket
