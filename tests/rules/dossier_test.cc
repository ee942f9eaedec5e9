// What is kept of a group's events, and that damaged bytes are not believed.
#include "rules/dossier.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

using Causes = std::vector<std::pair<std::string, uint64_t>>;

void add(Dossier& dossier, const EvidenceItem& item, size_t keep) {
  dossier.add(EvidenceView::of(item), keep);
}

std::vector<std::string> ids(const Dossier& dossier) {
  std::vector<std::string> found;
  for (const EvidenceItem& item : dossier.evidence()) found.push_back(item.request_id);
  return found;
}

Dossier twenty_events(size_t keep) {
  Dossier dossier;
  for (int i = 0; i < 20; ++i) {
    add(dossier,
        {.time = timestamp_ms(i), .request_id = std::to_string(i), .cause = i % 3 == 0 ? "x" : "y"},
        keep);
  }
  return dossier;
}

TEST(Dossier, KeepsTheFirstAndTheLastEvents) {
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids(twenty_events(5)), (Ids{"0", "1", "2", "18", "19"}));
  EXPECT_EQ(ids(twenty_events(2)), (Ids{"0", "19"}));
  EXPECT_EQ(ids(twenty_events(1)), (Ids{"0"}));
  EXPECT_EQ(ids(twenty_events(0)), Ids());
  EXPECT_EQ(ids(twenty_events(40)).size(), 20U);
  EXPECT_EQ(twenty_events(0).events(), 20U);
  EXPECT_EQ(twenty_events(5).causes(), (Causes{{"x", 7}, {"y", 13}}));
}

TEST(Dossier, AMatchIsOneEventThatBringsWhatItRestsOn) {
  using Ids = std::vector<std::string>;
  const EvidenceItem a{.request_id = "a", .cause = "x"};
  const EvidenceItem b{.request_id = "b", .cause = "y"};
  const EvidenceItem c{.request_id = "c", .cause = "y"};
  Dossier dossier;
  dossier.add_match({a, b}, 10);
  EXPECT_EQ(dossier.events(), 1U);
  EXPECT_EQ(dossier.causes(), (Causes{{"y", 1}}));
  dossier.add_match({b, c}, 10);
  EXPECT_EQ(ids(dossier), (Ids{"a", "b", "c"})) << "b is shown once";
  EXPECT_EQ(dossier.events(), 2U);
  EXPECT_EQ(dossier.causes(), (Causes{{"y", 2}}));
  Dossier small;
  small.add_match({a, b, c}, 2);
  EXPECT_EQ(ids(small), (Ids{"a", "c"}));
}

TEST(Dossier, EveryTextComesBack) {
  const EvidenceItem item{.time = timestamp_ms(-5),
                          .request_id = "r",
                          .method = "",
                          .path = std::string(300, 'p'),
                          .status = "403",
                          .code = std::string("a\0b", 3),
                          .cause = "c",
                          .target = "t"};
  Dossier dossier;
  add(dossier, item, 3);
  ASSERT_EQ(dossier.evidence().size(), 1U);
  const EvidenceItem found = dossier.evidence()[0];
  EXPECT_EQ(found.time, item.time);
  for (auto member :
       {&EvidenceItem::request_id, &EvidenceItem::method, &EvidenceItem::path,
        &EvidenceItem::status, &EvidenceItem::code, &EvidenceItem::cause, &EvidenceItem::target}) {
    EXPECT_EQ(found.*member, item.*member);
  }
}

TEST(Dossier, IsBoundedWhateverTheEventsHold) {
  Dossier dossier;
  for (int i = 0; i < 1'000; ++i) {
    std::string number = std::to_string(i);
    add(dossier,
        {.request_id = number + std::string(100'000, 'i'),
         .path = std::string(1'023, 'p') + "\xC3\xA4 and more",
         .cause = "c" + number + std::string(2'000, 'x')},
        6);
  }
  EXPECT_EQ(dossier.events(), 1'000U);
  EXPECT_EQ(dossier.causes().size(), Dossier::kCausesMax);
  EXPECT_EQ(dossier.evidence().size(), 6U);
  EXPECT_EQ(dossier.evidence()[5].request_id.substr(0, 5), "999ii");
  EXPECT_EQ(dossier.evidence()[5].path, std::string(1'023, 'p')) << "no half a character";
  EXPECT_LT(dossier.bytes(), 3 * (6 * 3 + Dossier::kCausesMax) * Dossier::kTextMax);
}

TEST(Dossier, ToBytesAndBackAndOn) {
  for (size_t keep : {0, 1, 2, 5, 30}) {
    Dossier dossier = twenty_events(keep);
    std::string bytes;
    dossier.encode(bytes);
    Dossier again;
    std::string_view in = bytes;
    ASSERT_TRUE(again.decode(in));
    EXPECT_TRUE(in.empty());
    for (int i = 20; i < 24; ++i) {
      for (Dossier* each : {&dossier, &again}) {
        add(*each, {.request_id = std::to_string(i), .cause = "x"}, keep);
      }
      EXPECT_EQ(ids(again), ids(dossier)) << keep;
    }
    EXPECT_EQ(again.causes(), dossier.causes());
    EXPECT_EQ(again.events(), 24U);
  }
}

TEST(Dossier, GoesOnWhenItsRuleKeepsMoreOrFewerThanBefore) {
  std::string bytes;
  twenty_events(4).encode(bytes);
  for (size_t keep : {0, 1, 2, 3, 10}) {
    std::string_view in = bytes;
    Dossier dossier;
    ASSERT_TRUE(dossier.decode(in));
    for (int i = 20; i < 30; ++i) add(dossier, {.request_id = std::to_string(i)}, keep);
    const std::vector<std::string> found = ids(dossier);
    EXPECT_LE(found.size(), std::max<size_t>(4, keep)) << keep;
    EXPECT_EQ(found.front(), "0") << keep;
    EXPECT_EQ(found.back() == "29", keep > 1) << keep;
  }
}

TEST(Dossier, DamagedBytesAreRefusedOrHarmless) {
  std::string good;
  twenty_events(4).encode(good);
  for (size_t size = 0; size < good.size(); ++size) {
    std::string_view in = std::string_view(good).substr(0, size);
    EXPECT_FALSE(Dossier().decode(in)) << size;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      std::string_view in = damaged;
      Dossier dossier;
      if (!dossier.decode(in)) continue;
      add(dossier, {.request_id = "more", .cause = "z"}, 4);  // any answer, but within bounds
      (void)dossier.evidence();
      (void)dossier.causes();
    }
  }
}

}  // namespace
}  // namespace picket
