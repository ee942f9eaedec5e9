// The bounded windows against keeping every time and value ever seen.
#include "rules/window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace picket {
namespace {

// Keeps everything.
struct EveryTime {
  std::vector<int64_t> times;
  size_t add(int64_t time, int64_t span) {
    times.push_back(time);
    int64_t newest = *std::max_element(times.begin(), times.end());
    return static_cast<size_t>(
        std::count_if(times.begin(), times.end(), [&](int64_t t) { return t >= newest - span; }));
  }
};

struct EveryValue {
  std::map<uint64_t, int64_t> last;
  size_t add(uint64_t value, int64_t time, int64_t span) {
    auto [it, fresh] = last.emplace(value, time);
    if (!fresh) it->second = std::max(it->second, time);
    int64_t newest = INT64_MIN;
    for (const auto& [v, t] : last) newest = std::max(newest, t);
    return static_cast<size_t>(std::count_if(last.begin(), last.end(), [&](const auto& entry) {
      return entry.second >= newest - span;
    }));
  }
};

struct Shape {
  int64_t span;
  size_t keep;
  int64_t step;    // largest pause between events
  int64_t jitter;  // how far back an event may be
};

const Shape kShapes[] = {{60, 3, 30, 0},    {60, 5, 20, 10},   {60, 1, 20, 50},  {1, 4, 2, 1},
                         {0, 3, 2, 0},      {1000, 50, 30, 5}, {60, 10, 10, 59}, {60, 10, 10, 200},
                         {100, 200, 1, 30}, {30, 7, 5, 29}};

TEST(TimeWindow, CountsLikeKeepingEverything) {
  std::mt19937_64 random(7);
  for (const Shape& shape : kShapes) {
    TimeWindow window;
    EveryTime every;
    int64_t now = -500;
    for (int i = 0; i < 600; ++i) {
      now += static_cast<int64_t>(random() % static_cast<uint64_t>(shape.step + 1));
      int64_t time = now - static_cast<int64_t>(random() % static_cast<uint64_t>(shape.jitter + 1));
      size_t all = every.add(time, shape.span);
      size_t count = window.add(timestamp_ms(time), Duration(shape.span), shape.keep);
      ASSERT_EQ(count, std::min(all, shape.keep))
          << "span " << shape.span << " keep " << shape.keep << " event " << i;
      ASSERT_EQ(window.size(), count);
      ASSERT_LE(window.bytes(), (shape.keep * 2 + 16) * 2 * sizeof(int64_t)) << "memory is bounded";
    }
  }
}

TEST(TimeWindow, TheExampleOfTheHeader) {
  TimeWindow window;
  std::vector<size_t> counts;
  for (int64_t t : {0, 10, 65, 70}) counts.push_back(window.add(timestamp_ms(t), Duration(60), 3));
  EXPECT_EQ(counts, (std::vector<size_t>{1, 2, 2, 3}));
}

TEST(DistinctWindow, CountsLikeKeepingEverything) {
  std::mt19937_64 random(11);
  for (const Shape& shape : kShapes) {
    for (uint64_t values : {2, 6, 40}) {
      DistinctWindow window;
      EveryValue every;
      int64_t now = 0;
      for (int i = 0; i < 300; ++i) {
        now += static_cast<int64_t>(random() % static_cast<uint64_t>(shape.step + 1));
        int64_t time =
            now - static_cast<int64_t>(random() % static_cast<uint64_t>(shape.jitter + 1));
        uint64_t value = random() % values;
        size_t all = every.add(value, time, shape.span);
        size_t count = window.add(value, timestamp_ms(time), Duration(shape.span), shape.keep);
        ASSERT_EQ(count, std::min(all, shape.keep))
            << "span " << shape.span << " keep " << shape.keep << " values " << values << " event "
            << i;
        ASSERT_EQ(window.size(), count);
      }
    }
  }
}

TEST(DistinctWindow, ManyValuesComeGoAndReturn) {
  std::mt19937_64 random(13);
  for (size_t keep : {20, 500, 5'000}) {
    DistinctWindow window;
    std::map<uint64_t, int64_t> last;
    std::set<std::pair<int64_t, uint64_t>> order;  // of `last`
    for (int i = 0; i < 60'000; ++i) {
      // Values swell and fade, so that the table grows, is emptied and fills again.
      uint64_t values = i / 10'000 % 2 == 0 ? 2'000 : 30;
      uint64_t value = random() % values * 0x10000;
      int64_t at = i - static_cast<int64_t>(random() % 20);
      const auto known = last.find(value);
      if (known != last.end()) {
        order.erase({known->second, value});
        at = std::max(at, known->second);
      }
      last[value] = at;
      order.insert({at, value});
      while (order.begin()->first < order.rbegin()->first - 4'000) {
        last.erase(order.begin()->second);
        order.erase(order.begin());
      }
      size_t count = window.add(value, timestamp_ms(at), Duration(4'000), keep);
      ASSERT_EQ(count, std::min(order.size(), keep)) << "keep " << keep << " event " << i;
    }
    EXPECT_LE(window.bytes(), (std::min<size_t>(keep, 2'000) + 16) * 2 * 40) << "bounded";
  }
}

TEST(DistinctWindow, FewValuesTakeLittleRoom) {
  DistinctWindow window;
  window.add(1, timestamp_ms(1), Duration(60), 10'000);
  EXPECT_LE(window.bytes(), 64U);
}

TEST(Windows, GoOnFromTheirBytes) {
  std::mt19937_64 random(3);
  TimeWindow times;
  DistinctWindow values;
  for (int i = 0; i < 300; ++i) {
    std::string bytes;
    times.encode(bytes);
    values.encode(bytes);
    TimeWindow times_again;
    DistinctWindow values_again;
    std::string_view in = bytes;
    ASSERT_TRUE(times_again.decode(in));
    ASSERT_TRUE(values_again.decode(in));
    ASSERT_TRUE(in.empty());
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      std::string_view part(bytes.data(), cut);
      TimeWindow t;
      DistinctWindow v;
      ASSERT_FALSE(t.decode(part) && v.decode(part)) << "bytes are missing";
    }
    Timestamp at = timestamp_ms(i * 10 - static_cast<int64_t>(random() % 30));
    uint64_t value = random() % 9;
    ASSERT_EQ(times.add(at, Duration(70), 5), times_again.add(at, Duration(70), 5));
    ASSERT_EQ(values.add(value, at, Duration(70), 5), values_again.add(value, at, Duration(70), 5));
  }
}

TEST(Windows, RefuseBytesThatAreNotSorted) {
  std::string bytes("\x02\0\0\0", 4);
  for (int64_t time : {5, 4}) bytes.append(reinterpret_cast<const char*>(&time), sizeof(time));
  std::string_view in = bytes;
  TimeWindow window;
  EXPECT_FALSE(window.decode(in));
  DistinctWindow values;
  for (int64_t time : {6, 7})
    values.add(3 + static_cast<uint64_t>(time), timestamp_ms(time), Duration(9), 9);
  bytes.clear();
  values.encode(bytes);
  std::string swapped = bytes.substr(0, 4) + bytes.substr(20, 16) + bytes.substr(4, 16);
  in = swapped;
  EXPECT_FALSE(values.decode(in));
  std::string twice = bytes.substr(0, 20) + bytes.substr(4, 16);
  in = twice;
  EXPECT_FALSE(values.decode(in)) << "a value cannot be there twice";
  in = bytes;
  EXPECT_TRUE(values.decode(in));
}

}  // namespace
}  // namespace picket
