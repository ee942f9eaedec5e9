#include "rules/redact.h"

#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kRootKey[] = "unkey_3ZaBcDeFgHjKmNpQrStUvWxY";

struct Case {
  const char* text;
  const char* redacted;  // null: nothing is found
};

const Case kCases[] = {
    {"", nullptr},
    {"/v2/keys.createKey", nullptr},
    {"req_4Zk9TqLm2", nullptr},
    {"unkey_3ZaB", nullptr},
    {"err:unkey:authorization:insufficient_permissions", nullptr},
    {"Authorization header for 'bearer' scheme", nullptr},
    {"use bearer authentication-information", nullptr},
    {"Authorization: Bearer [REDACTED]", nullptr},
    {"spat_12345678901234567890", nullptr},
    {"a.eyJhIjoxfQ", nullptr},
    {kRootKey, "unkey_3ZaB[redacted]"},
    {"/v2/keys/unkey_3ZaBcDeFgHjKmNpQrStUvWxY/roles?x=1",
     "/v2/keys/unkey_3ZaB[redacted]/roles?x=1"},
    {"pst_a1B2c3D4e", "pst_[redacted]"},
    {"token=pat_a1B2c3D4e;", "token=pat_[redacted];"},
    {"Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer [redacted]"},
    {"bearer unkey_3ZaBcDeFgHjKmNpQrStUvWxY", "bearer [redacted]"},
    {"jwt eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln end", "jwt [redacted] end"},
    {"unkey_3ZaBcDeFgHjKmNpQrStUvWxY and unkey_9ZaBcDeFgHjKmNpQrStUvWxY",
     "unkey_3ZaB[redacted] and unkey_9ZaB[redacted]"},
};

TEST(Redact, FindsSecretsAndNothingElse) {
  for (const Case& c : kCases) {
    std::string out = "untouched";
    const size_t found = redact(c.text, out);
    EXPECT_EQ(found > 0, c.redacted != nullptr) << c.text;
    EXPECT_EQ(out, c.redacted ? c.redacted : "untouched") << c.text;
  }
}

TEST(Redact, FindsThemWhereverTheyStand) {
  for (const Case& c : kCases) {
    for (size_t before = 0; before <= 40; ++before) {
      for (size_t behind : {0, 1, 15, 16, 33}) {
        const std::string head(before, ':');
        const std::string tail(behind, ':');
        std::string out;
        const size_t found = redact(head + c.text + tail, out);
        ASSERT_EQ(found > 0, c.redacted != nullptr) << head << c.text << tail;
        if (found > 0) {
          ASSERT_EQ(out, head + c.redacted + tail);
        }
      }
    }
  }
}

TEST(Redact, ASecretInALineIsNotInItsAlert) {
  auto rules = make_rules(R"(
title: Refused
name: refused
id: 11111111-1111-4111-8111-111111111111
detection:
  selection: {e: bad}
  condition: selection
---
title: Refused at all
name: refused_at_all
id: 22222222-2222-4222-8222-222222222222
correlation:
  type: event_count
  rules: [refused]
  group-by: [who]
  timespan: 10s
  condition: {gte: 1}
level: high
)");
  ASSERT_TRUE(rules);
  EngineRun run(rules);
  run.lines(test_line(1000, "bad", kRootKey, std::string(R"(,"id":")") + kRootKey + "\""));
  ASSERT_EQ(run.events.size(), 1U);
  const std::string alert = to_json(run.events[0].alert);
  EXPECT_EQ(alert.find(kRootKey), std::string::npos) << alert;
  EXPECT_NE(alert.find("unkey_3ZaB[redacted]"), std::string::npos) << alert;
  EXPECT_GE(run.hits.stats.secrets_redacted, 2U);
}

}  // namespace
}  // namespace picket
