// The reader of answers by itself, and against a model: a table that rows are added to late and in
// any order, pages of any size, pieces cut anywhere, and crashes after any row.
#include "daemon/inputs/clickhouse_page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace picket {
namespace {

using ::testing::HasSubstr;
using Lines = std::vector<std::string>;

// All rows of `text`, put in pieces of `piece` bytes.
Lines read(std::string_view text, ClickhousePosition& position, std::string* problem,
           size_t piece = 1'000) {
  ClickhousePage page("t", {.until = 1'000, .row_bytes_max = 100}, position);
  Lines rows;
  while (!text.empty()) {
    page.put(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    while (const auto row = page.next()) {
      rows.emplace_back(*row);
      page.accept();
    }
  }
  page.finish();
  *problem = page.problem();
  return rows;
}

TEST(ClickhousePage, RowsPassWhereverTheyAreCut) {
  for (size_t piece = 1; piece < 20; ++piece) {
    ClickhousePosition position{1, {}};
    std::string problem;
    const Lines rows =
        read("{\"t\":1,\"a\":1}\n{\"t\":\"1\"}\n{\"t\":2}\n", position, &problem, piece);
    EXPECT_EQ(rows, (Lines{"{\"t\":1,\"a\":1}\n", "{\"t\":\"1\"}\n", "{\"t\":2}\n"}));
    EXPECT_EQ(problem, "");
    EXPECT_EQ(position.value, 2);
    EXPECT_EQ(position.ties.size(), 1u);
  }
}

TEST(ClickhousePage, EqualRowsAreAsManyAsThereAre) {
  ClickhousePosition position{1, {}};
  std::string problem;
  EXPECT_EQ(read("{\"t\":1}\n{\"t\":1}\n", position, &problem).size(), 2u);
  EXPECT_EQ(read("{\"t\":1}\n{\"t\":1}\n{\"t\":1}\n", position, &problem).size(), 1u);
  EXPECT_EQ(position.ties.size(), 3u);
}

TEST(ClickhousePage, WhatIsNoRowBreaksTheAnswer) {
  for (const char* bad :
       {"Code: 395. DB::Exception: x\n", "{\"exception\":\"x\"}\n", "{\"t\":1.5}\n",
        "{\"t\":null}\n", "{\"t\":\"1x\"}\n", "{\"t\":\"\"}\n", "[1]\n", "\n",
        "{\"t\":4}{\"t\":4}\n", "{\"t\":4,\"a\":12Code: 395. DB::Exception: x\n", "{\"t\":2}\n",
        "{\"t\":1000}\n", "{\"t\":99999999999999999999}\n", "{\"t\":4", "{\"t\":4}",
        "{\"t\":4,\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    ClickhousePosition position{1, {}};
    std::string problem;
    const std::string text = std::string("{\"t\":3}\n") + bad;
    EXPECT_EQ(read(text, position, &problem).size(), 1u) << bad;
    EXPECT_THAT(problem, HasSubstr("the answer ")) << bad;
    EXPECT_EQ(position.value, 3) << bad;
  }
}

TEST(ClickhousePage, TooManyTiesAreAProblemAndNotForgotten) {
  ClickhousePosition position{1, std::vector<uint64_t>(ClickhousePage::kTiesMax, 7)};
  std::string problem;
  EXPECT_TRUE(read("{\"t\":1}\n", position, &problem).empty());
  EXPECT_THAT(problem, HasSubstr("more than 100000 rows with one value"));
}

TEST(ClickhousePosition, SurvivesItsText) {
  const ClickhousePosition position{-5, {0, 0xABCDEF0123456789u, 7}};
  EXPECT_EQ(decode_position(encode_position(position)), position);
  EXPECT_EQ(encode_position({12, {255}}), "1 12 ff");
  for (const char* bad : {"", "1", "1 ", "2 1", "1 x", "1 1 g", "1 1 ", "1 1  2", "1 1 2x",
                          "1 99999999999999999999", "1 1 11111111111111111"}) {
    EXPECT_FALSE(decode_position(bad)) << bad;
  }
}

// One life of a table and of its reader. Rows come up to `kLateness` after their time.
class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed) {}

  void run() {
    for (int step = 0; step < 30; ++step) {
      now_ += below(20);
      for (int64_t i = below(15); i > 0; --i) add();
      if (below(4) > 0) poll(below(5) == 0);
      if (below(4) == 0) crash();
    }
    now_ += 2 * kDelay;
    while (poll(false) > 0) {
    }
    std::multiset<std::string> got(taken_.begin(), taken_.end());
    std::multiset<std::string> expected;
    for (const auto& [time, row] : table_) expected.insert(row);
    EXPECT_EQ(got, expected);
  }

 private:
  static constexpr int64_t kLateness = 10;
  static constexpr int64_t kDelay = kLateness + 1;

  int64_t below(int64_t bound) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(bound));
  }
  void add() {
    const int64_t time = now_ - below(kLateness + 1);
    table_.emplace(time, fmt::format("{{\"t\":{},\"x\":{}}}\n", time, below(5)));
  }
  std::string answer(int64_t until, size_t limit) {
    std::vector<std::pair<int64_t, std::string>> rows(table_.lower_bound(position_.value),
                                                      table_.lower_bound(until));
    std::ranges::shuffle(rows, random_);
    std::ranges::stable_sort(rows, {}, &std::pair<int64_t, std::string>::first);
    std::string text;
    for (size_t i = 0; i < std::min(limit, rows.size()); ++i) text += rows[i].second;
    return text;
  }
  // Returns how many rows were new.
  size_t poll(bool tear) {
    const int64_t until = now_ - kDelay;
    if (until <= position_.value) return 0;
    const size_t before = taken_.size();
    std::string text = answer(until, static_cast<size_t>(1 + below(6)) + position_.ties.size());
    if (tear) text.resize(static_cast<size_t>(below(static_cast<int64_t>(text.size()) + 1)));
    ClickhousePage page("t", {.until = until}, position_);
    for (std::string_view rest = text; !rest.empty();) {
      const size_t piece = std::min(rest.size(), static_cast<size_t>(1 + below(40)));
      page.put(rest.substr(0, piece));
      rest.remove_prefix(piece);
      while (const auto row = page.next()) {
        page.accept();
        taken_.emplace_back(*row);
        if (below(3) == 0) commit();
      }
    }
    return taken_.size() - before;
  }
  void commit() {
    committed_ = encode_position(position_);
    committed_rows_ = taken_.size();
  }
  void crash() {
    position_ = decode_position(committed_).value();
    taken_.resize(committed_rows_);
  }

  std::minstd_rand random_;
  int64_t now_ = 1'000;
  std::multimap<int64_t, std::string> table_;
  ClickhousePosition position_;
  Lines taken_;
  std::string committed_ = "1 0";
  size_t committed_rows_ = 0;
};

TEST(ClickhousePage, EveryRowOnceInManyLives) {
  for (uint32_t seed = 1; seed <= 1'000; ++seed) {
    SCOPED_TRACE(seed);
    Model(seed).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace picket
