#include "daemon/inputs/spool_format.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_disk.h"

namespace picket {
namespace {

// The format is on people's disks: these bytes must stay readable.
TEST(SpoolFormat, BytesAreThoseOfVersionOne) {
  EXPECT_EQ(segment_header(), std::string("picketsp\x01\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(segment_name(42), "00000000000000000042.spool");
  const RecordHead head{.size = 3, .arrival = timestamp_ms(258), .payload_check = 5};
  const std::string bytes = encode_record_head(head, 42);
  ASSERT_EQ(bytes.size(), kRecordHeadBytes);
  EXPECT_EQ(bytes.substr(0, 32), std::string("\3\0\0\0\1\0\0\0\2\1\0\0\0\0\0\0"
                                             "\0\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0",
                                             32));
}

TEST(SpoolFormat, HeadComesBackOnlyInItsPlaceAndUnchanged) {
  const RecordHead head{.size = 3,
                        .kind = RecordKind::OversizeLine,
                        .arrival = timestamp_ms(-1),
                        .line_length = ~uint64_t{0},
                        .payload_check = 5};
  const std::string bytes = encode_record_head(head, 42);
  const auto back = decode_record_head(bytes, 42);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->size, 3u);
  EXPECT_EQ(back->kind, RecordKind::OversizeLine);
  EXPECT_EQ(back->arrival, timestamp_ms(-1));
  EXPECT_EQ(back->line_length, ~uint64_t{0});
  EXPECT_EQ(back->payload_check, 5u);
  EXPECT_FALSE(decode_record_head(bytes, 43));
  EXPECT_FALSE(decode_record_head(bytes.substr(0, kRecordHeadBytes - 1), 42));
  EXPECT_FALSE(decode_record_head("", 42));
  for (size_t bit = 0; bit < 8 * kRecordHeadBytes; ++bit) {
    std::string other = bytes;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_record_head(other, 42)) << bit;
  }
}

TEST(SpoolFormat, NoRecordIsEmptyOrOfAnUnknownKind) {
  EXPECT_FALSE(decode_record_head(encode_record_head({.size = 0}, 1), 1));
  EXPECT_FALSE(decode_record_head(encode_record_head({.size = 1, .kind = RecordKind{3}}, 1), 1));
}

TEST(SpoolFormat, HeadersTellVersionsFromDamage) {
  std::string header = segment_header();
  EXPECT_EQ(check_segment_header(header), HeaderState::Good);
  EXPECT_EQ(check_segment_header(header.substr(1)), HeaderState::Damaged);
  EXPECT_EQ(check_segment_header(""), HeaderState::Damaged);
  header[8] = 2;
  EXPECT_EQ(check_segment_header(header), HeaderState::OtherVersion);
}

TEST(SpoolFormat, OnlySegmentsAreListed) {
  FakeDisk disk;
  for (const char* name : {"00000000000000000100.spool", "00000000000000000020.spool", "20.spool",
                           "0000000000000000002x.spool", "99999999999999999999.spool",
                           "00000000000000000020.spool.damaged", ".spool"}) {
    disk.write(std::string("f/") + name, "");
  }
  EXPECT_EQ(list_segments(disk, "f"), (std::vector<uint64_t>{20, 100}));
}

TEST(SpoolFormat, PayloadIsCheckedToItsLastByte) {
  FakeDisk disk;
  const std::string payload = std::string(600'000, 'x') + "\n";
  PayloadCheck check(9);
  check.add(payload.substr(0, 5));
  check.add(payload.substr(5));
  const RecordHead head{.size = static_cast<uint32_t>(payload.size()),
                        .payload_check = check.value()};
  disk.write("a", std::string(kRecordHeadBytes, '-') + payload);
  const auto good = [&](uint64_t offset) {
    return payload_is_good(**disk.open("a", {Symlinks::Refuse}), 0, head, offset);
  };
  EXPECT_EQ(good(9), true);
  EXPECT_EQ(good(8), false);
  disk.truncate("a", kRecordHeadBytes + payload.size() - 1);
  EXPECT_EQ(good(9), false);
  disk.fail_reads("a", {EIO, std::system_category()});
  EXPECT_FALSE(good(9).has_value());
}

}  // namespace
}  // namespace picket
