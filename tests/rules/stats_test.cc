#include "rules/stats.h"

#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

TEST(UnknownTexts, TheNewestDifferentOnesStay) {
  std::vector<UnknownText> known;
  for (size_t i = 0; i < kUnknownTextsMax + 5; ++i) {
    add_unknown_text(known, {.code = "c", .text = std::to_string(i), .count = 1});
    add_unknown_text(known, {.code = "c", .text = "again", .count = 2});
  }
  ASSERT_EQ(known.size(), kUnknownTextsMax);
  EXPECT_EQ(known.back().text, "again");
  EXPECT_EQ(known.back().count, 2 * (kUnknownTextsMax + 5));
  EXPECT_EQ(known.front().text, "6");
}

TEST(UnknownTexts, AreClippedAndWithoutSecrets) {
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  EngineRun run(rules, {.schema = -1});
  const std::string secret = "unkey_3ZaBcDeFgHjKmNpQrStUvWxY";
  run.lines(R"({"error":{"detail":"New: )" + secret + " " + std::string(500, 'x') +
            R"(","status":403,"type":"https://unkey.com/docs/errors/unkey/application/brand_new"},)"
            R"("meta":{"requestId":"req_1"}})"
            "\n"
            R"({"time":1,"level":"INFO","msg":"GET /x","http":{"path":"/x","status_code":403}})");
  const std::vector<UnknownText>& texts = run.engine.stats().unknown_texts;
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(texts[0].code, "err:unkey:application:brand_new");
  EXPECT_EQ(texts[0].text.substr(0, 25), "New: unkey_3ZaB[redacted]");
  EXPECT_LE(texts[0].text.size(), kUnknownTextBytesMax);
}

}  // namespace
}  // namespace picket
