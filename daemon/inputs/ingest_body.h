// The body of an ingest request: from what was sent to whole lines.
//
// A stranger chooses these bytes. What comes out is bounded twice: by size, and by how much larger
// than its packed form it may be, so that a bomb is given up after little work. The packed bytes
// are unpacked piece by piece; nothing is believed that they say of themselves. What was packed
// twice stays packed once.
//
// Thread rule: pure functions.
// Tested by tests/daemon/inputs/ingest_body_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

enum class BodyEncoding : uint8_t { Identity, Gzip, Zstd };

// From the value of Content-Encoding, in any case; nothing for what is not supported.
std::optional<BodyEncoding> parse_body_encoding(std::string_view value);

struct UnpackLimits {
  uint64_t bytes_max = 32 << 20;
  // Logs shrink to a tenth, very uniform ones to a fiftieth. Below 1 MiB anything goes.
  uint64_t ratio_max = 200;
};

enum class UnpackState : uint8_t {
  Good,
  Malformed,  // corrupt, cut off, or a zstd window of more than 8 MiB
  TooLarge,
};

// Appends to `out`, which is of no use unless the state is Good.
UnpackState unpack_body(BodyEncoding encoding, std::string_view packed, const UnpackLimits& limits,
                        std::string& out);

// Makes NDJSON into whole lines: a byte order mark goes, a last '\n' comes. Empty stays empty.
void make_lines(std::string& body);
// Makes one JSON document into one line: line breaks between its tokens become spaces. Empty when
// there is nothing but white space.
void make_one_line(std::string& body);

}  // namespace picket
