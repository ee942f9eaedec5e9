// Any bytes as an answer of ClickHouse, in pieces whose size the first byte names, and as a saved
// position.
#include <algorithm>

#include "daemon/inputs/clickhouse_page.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (const auto position = decode_position(text)) {
    fuzz_expect(decode_position(encode_position(*position)) == position, "a position changes");
  }
  ClickhousePosition position{10, {}};
  ClickhousePage page("t", {.until = 1'000, .row_bytes_max = 4'096}, position);
  while (!text.empty()) {
    const size_t piece = std::min<size_t>(text.size(), 1 + data[0]);
    page.put(text.substr(0, piece));
    text.remove_prefix(piece);
    while (const auto row = page.next()) {
      const int64_t before = position.value;
      page.accept();
      fuzz_expect(row->find('\n') == row->size() - 1, "a row is not one line");
      fuzz_expect(row->find('{') != row->npos, "a row is no object");
      fuzz_expect(position.value >= before && position.value < 1'000, "the cursor is out of range");
    }
  }
  page.finish();
  fuzz_expect(position.ties.size() <= page.rows(), "more was taken than came");
  return 0;
}
