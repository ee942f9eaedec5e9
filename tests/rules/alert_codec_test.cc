#include "rules/alert_codec.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

AlertEvent full_event() {
  AlertEvent event{.change = AlertChange::Resolved};
  Alert& alert = event.alert;
  alert.id = "20cc032b";
  alert.status = AlertStatus::Resolved;
  alert.rule = {"id", "name", "A \"title\"\n"};
  alert.severity = Level::Critical;
  alert.verdict = Verdict::QuotaAbuse;
  alert.labels = {{"alertname", "PicketX"}, {"workspace_id", "ws_1"}};
  alert.starts_at = timestamp_ms(-5);
  alert.updated_at = timestamp_ms(1'787'320'000'123);
  alert.ends_at = timestamp_ms(1'787'320'000'999);
  alert.events = 7;
  alert.measure = {.distinct = 5, .score = 4.25, .false_alarm = 1e-4};
  alert.causes = {{"insufficient_permissions", 2}, {"protected_resource", 5}};
  alert.evidence = {{.time = timestamp_ms(1), .request_id = "r", .path = "/p", .cause = "c"}, {}};
  alert.annotations = {{"summary", "s"}};
  return event;
}

TEST(AlertCodec, EverythingComesBack) {
  for (const AlertEvent& event : {full_event(), AlertEvent{}}) {
    const auto back = decode_event(encode_event(event));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->change, event.change);
    EXPECT_EQ(to_json(back->alert), to_json(event.alert));
    EXPECT_EQ(encode_event(*back), encode_event(event));
  }
}

TEST(AlertCodec, WhatIsNoEventIsRefused) {
  const std::string whole = encode_event(full_event());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_event(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_event(whole + "x"));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xFF);
    const auto event = decode_event(damaged);
    if (event) {
      EXPECT_FALSE(to_json(event->alert).empty());
    }
  }
  std::string other_version = whole;
  other_version[0] = 99;
  EXPECT_FALSE(decode_event(other_version));
}

}  // namespace
}  // namespace picket
