// Orders: many signals are one reload, and everybody who asks gets the answer of a later one.
#include "daemon/orders.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace picket {
namespace {

TEST(Orders, ManySignalsAreOneReload) {
  Orders orders;
  for (int i = 0; i < 200; ++i) orders.reload();
  EXPECT_EQ(orders.wait(), Order::Reload);
  for (int i = 0; i < 200; ++i) orders.reload();  // while it runs
  orders.reloaded({true, "done"});
  EXPECT_EQ(orders.wait(), Order::Reload);
  orders.reloaded({true, "done"});
  orders.look_at_inputs();
  EXPECT_EQ(orders.wait(), Order::LookAtInputs);
}

TEST(Orders, AnswersComeFromAReloadThatBeganAfterTheQuestion) {
  Orders orders;
  std::vector<std::string> answers;
  const auto ask = [&](const std::string& who) {
    orders.reload([&answers, who](const ReloadOutcome& outcome) {
      answers.push_back(who + ": " + outcome.text);
    });
  };
  ask("a");
  ask("b");
  ASSERT_EQ(orders.wait(), Order::Reload);
  ask("c");
  orders.reloaded({true, "first"});
  EXPECT_EQ(answers, (std::vector<std::string>{"a: first", "b: first"}));
  ASSERT_EQ(orders.wait(), Order::Reload);
  orders.reloaded({false, "second"});
  EXPECT_EQ(answers.back(), "c: second");
  EXPECT_EQ(answers.size(), 3U);
}

TEST(Orders, StoppingComesFirstAndStays) {
  Orders orders;
  std::string answer;
  orders.reload([&](const ReloadOutcome& outcome) {
    EXPECT_FALSE(outcome.successful);
    answer = outcome.text;
  });
  orders.look_at_inputs();
  orders.stop();
  EXPECT_EQ(orders.wait(), Order::Stop);
  EXPECT_EQ(answer, "picket is stopping");
  EXPECT_EQ(orders.wait(), Order::Stop);
}

}  // namespace
}  // namespace picket
