// Any bytes as the body of a request, in the encoding that the first byte names.
#include <algorithm>

#include "daemon/inputs/ingest_body.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace picket;
  if (size == 0) return 0;
  constexpr UnpackLimits kLimits{.bytes_max = 2 << 20};
  const auto encoding = static_cast<BodyEncoding>(data[0] % 3);
  const std::string_view packed(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string lines;
  const UnpackState state = unpack_body(encoding, packed, kLimits, lines);
  fuzz_expect(lines.size() <= kLimits.bytes_max + (256 << 10), "more than the bound was unpacked");
  if (state != UnpackState::Good) return 0;
  fuzz_expect(lines.size() <= kLimits.bytes_max, "a body over the bound is good");
  std::string line = lines;
  make_lines(lines);
  fuzz_expect(lines.empty() || lines.back() == '\n', "the last line has no end");
  make_one_line(line);
  fuzz_expect(line.empty() || line.find('\n') == line.size() - 1, "one line became several");
  return 0;
}
