#include "daemon/outbox.h"

#include <gtest/gtest.h>

#include <map>

namespace picket {
namespace {

AlertEvent event(const std::string& id, AlertChange change = AlertChange::Opened) {
  return {change, {.id = id}};
}

// The rows of a state file, kept up to date as the keeper does.
class OutboxTest : public testing::Test {
 protected:
  void collect(Outbox& outbox, const std::vector<uint64_t>& acked) {
    std::vector<StateChange> changes;
    outbox.collect(acked, changes);
    for (StateChange& change : changes) {
      EXPECT_EQ(change.kind, StateKind::Outbox);
      if (change.erase) {
        file_.erase(change.key);
      } else {
        file_[change.key] = change;
      }
    }
  }
  std::vector<StateChange> rows() const {
    std::vector<StateChange> all;
    for (const auto& [key, row] : file_) all.push_back(row);
    return all;
  }
  size_t events() const {
    size_t count = 0;
    for (const auto& [key, row] : file_) count += key.starts_with('e') ? 1 : 0;
    return count;
  }
  static std::string ids(const std::vector<Outgoing>& outgoing) {
    std::string text;
    for (const Outgoing& one : outgoing) {
      text += one.event.alert.id + (one.again ? "* " : " ");
    }
    return text;
  }

  std::map<std::string, StateChange> file_;
};

TEST_F(OutboxTest, KeepsEventsUntilEveryOutputHasThem) {
  Outbox outbox({"a", "b"});
  outbox.restore({});
  outbox.add({event("1"), event("2")});
  EXPECT_TRUE(outbox.waiting());
  collect(outbox, {0, 0});
  EXPECT_EQ(events(), 2U);
  const std::vector<Outgoing> sent = outbox.take();
  EXPECT_EQ(ids(sent), "1 2 ");
  EXPECT_FALSE(outbox.waiting());
  collect(outbox, {sent[1].number, sent[0].number});
  EXPECT_EQ(events(), 1U) << "b has the first one only";
  collect(outbox, {sent[1].number, sent[1].number});
  EXPECT_EQ(events(), 0U);
}

TEST_F(OutboxTest, AfterARestartEachOutputGetsWhatItDidNotAcknowledge) {
  uint64_t second = 0;
  {
    Outbox outbox({"a", "b"});
    outbox.restore({});
    outbox.add({event("1"), event("2"), event("3", AlertChange::Resolved)});
    collect(outbox, {0, 0});
    second = outbox.take()[1].number;
    collect(outbox, {second, 0});
  }
  Outbox outbox({"b", "a"});
  const auto again = outbox.restore(rows());
  EXPECT_EQ(ids(again[0]), "1* 2* 3* ");
  EXPECT_EQ(ids(again[1]), "3* ");
  EXPECT_EQ(again[1][0].event.change, AlertChange::Resolved);
  outbox.add({event("4")});
  const std::vector<Outgoing> sent = outbox.take();
  EXPECT_GT(sent[0].number, again[1][0].number) << "numbers rise over restarts";
  collect(outbox, {sent[0].number, sent[0].number});
  EXPECT_EQ(events(), 0U);
}

TEST_F(OutboxTest, NumbersRiseThoughAllRowsAreGone) {
  uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    Outbox outbox({"a"});
    outbox.restore(rows());
    outbox.add({event("x")});
    const uint64_t number = outbox.take()[0].number;
    EXPECT_GT(number, last);
    last = number;
    collect(outbox, {number});
    EXPECT_EQ(events(), 0U);
  }
}

TEST_F(OutboxTest, UpdatesAreSentInTheirPlaceAndNotKept) {
  Outbox outbox({"a"});
  outbox.restore({});
  outbox.add({event("1"), event("1", AlertChange::Updated)});
  collect(outbox, {0});
  EXPECT_EQ(events(), 1U);
  const std::vector<Outgoing> sent = outbox.take();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[1].number, 0U);
}

TEST_F(OutboxTest, OutputsComeAndGo) {
  {
    Outbox outbox({"old"});
    outbox.restore({});
    outbox.add({event("1")});
    collect(outbox, {0});
  }
  Outbox outbox({"new"});
  EXPECT_EQ(ids(outbox.restore(rows())[0]), "") << "it was not there when the alert opened";
  collect(outbox, {0});
  EXPECT_EQ(events(), 0U);
  EXPECT_EQ(file_.size(), 1U) << "what the new one has";
}

TEST_F(OutboxTest, WithoutOutputsNothingIsKept) {
  Outbox outbox({});
  outbox.restore({});
  outbox.add({event("1")});
  EXPECT_FALSE(outbox.waiting());
  collect(outbox, {});
  EXPECT_TRUE(file_.empty());
}

TEST_F(OutboxTest, AnEventThatCannotBeReadDoesNotHoldUpTheOthers) {
  Outbox first({"a"});
  first.restore({});
  first.add({event("1"), event("2")});
  collect(first, {0});
  for (auto& [key, row] : file_) {
    if (key.starts_with('e')) {
      row.value = "damaged";
      break;
    }
  }
  Outbox outbox({"a"});
  const auto again = outbox.restore(rows());
  EXPECT_EQ(ids(again[0]), "2* ");
  collect(outbox, {again[0][0].number});
  EXPECT_EQ(events(), 0U);
}

}  // namespace
}  // namespace picket
