#include "rules/types.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Types, ParsesRfc3339) {
  const std::pair<std::string, int64_t> cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-08-21T14:25:58.207Z", 1787322358207},
      {"2026-08-21T16:25:58.207+02:00", 1787322358207},
      {"2026-08-21t14:25:58.2079999z", 1787322358207},
      {"2026-08-21 14:25:58.2Z", 1787322358200},
      {"2026-08-21T00:25:58.000000001-14:00", 1787322358000},
      {"2024-02-29T23:59:60Z", 1709251200000},
      {"1969-12-31T23:59:59.999Z", -1},
      {"0000-01-01T00:00:00Z", -62167219200000},
      {"9999-12-31T23:59:59.999999999Z", 253402300799999},
  };
  for (const auto& [text, ms] : cases) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_ms(*time), ms) << text;
  }
}

TEST(Types, RefusesOtherTimes) {
  for (const char* text : {"",
                           "2026-08-21",
                           "2026-08-21T14:25:58",
                           "2026-08-21T14:25Z",
                           "2026-02-30T00:00:00Z",
                           "2025-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-08-21T24:00:00Z",
                           "2026-08-21T14:60:00Z",
                           "2026-08-21T14:25:61Z",
                           "2026-08-21T14:25:58.Z",
                           "2026-08-21T14:25:58.1234567890Z",
                           "2026-08-21T14:25:58Zx",
                           "2026-08-21T14:25:58+0200",
                           "2026-08-21T14:25:58+24:00",
                           "2026-08-21T14:25:58+02:60",
                           "+026-08-21T14:25:58Z",
                           "2026-08-21T14:25:5\xd9\xa1Z",
                           "1787322358207"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Types, FormatsWithMillisecondsAndParsesBack) {
  EXPECT_EQ(format_rfc3339(timestamp_ms(1787322358207)), "2026-08-21T14:25:58.207Z");
  EXPECT_EQ(format_rfc3339(timestamp_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(timestamp_ms(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_rfc3339(Timestamp::min()), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(Timestamp::max()), "9999-12-31T23:59:59.999Z");
  for (int64_t ms = -62167219200000; ms < 253402300800000; ms += 86'399'998'123) {
    EXPECT_EQ(parse_rfc3339(format_rfc3339(timestamp_ms(ms))), timestamp_ms(ms));
  }
}

TEST(Types, NamesLevelsAndVerdicts) {
  for (const Level level :
       {Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical}) {
    EXPECT_EQ(parse_level(to_text(level)), level);
  }
  EXPECT_EQ(parse_level("High"), std::nullopt);
  EXPECT_EQ(to_text(Verdict::None), "");
  EXPECT_EQ(parse_verdict(""), std::nullopt);
  for (const Verdict verdict :
       {Verdict::BoundaryTesting, Verdict::CredentialAbuse, Verdict::QuotaAbuse, Verdict::Misuse}) {
    EXPECT_EQ(parse_verdict(to_text(verdict)), verdict);
  }
}

}  // namespace
}  // namespace picket
