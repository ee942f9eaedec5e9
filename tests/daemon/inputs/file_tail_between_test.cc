// Hazard: the log is rotated in the midst of a look at it.
//
// Every test tries all places: before the first call of the disk that a look makes, before the
// second, and so on, and again with a second rotation some calls later. PICKET_TAIL_ALL_PLACES, set
// to anything, tries more pairs of rotations and distances between them, which takes a minute.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/daemon/inputs/file_set_harness.h"

namespace picket {
namespace {

const std::string kLog = "/log/a.log";

// A writer that rotates: what it wrote must arrive, each line once.
class Writer {
 public:
  explicit Writer(TailHarness& tail) : tail_(tail) {}

  void write(int count) {
    const std::string text = numbered("a", written_, count);
    written_ += count;
    tail_.disk.write(kLog, text);
  }
  void rename() {
    shift();
    tail_.disk.rename(kLog, kLog + ".1");
    tail_.disk.write(kLog, "");
  }
  void copy_and_cut() {
    shift();
    tail_.disk.copy(kLog, kLog + ".1");
    tail_.disk.truncate(kLog, 0);
  }
  Lines lines() const { return sorted(split_lines(numbered("a", 0, written_))); }

 private:
  void shift() {
    int last = 0;
    const auto numbered_name = [](int number) { return kLog + "." + std::to_string(number); };
    while (tail_.disk.stat(numbered_name(last + 1), {Symlinks::Refuse})) ++last;
    for (; last > 0; --last) tail_.disk.rename(numbered_name(last), numbered_name(last + 1));
  }

  TailHarness& tail_;
  int written_ = 0;
};

using Act = std::function<void(Writer&)>;

// What the writer does in the midst of a look.
const std::vector<Act> kRotations = {
    [](Writer& writer) {
      writer.write(2);
      writer.copy_and_cut();
      writer.write(1);
    },
    [](Writer& writer) {
      writer.write(2);
      writer.rename();
      writer.write(1);
    },
    [](Writer& writer) {
      writer.write(1);
      writer.copy_and_cut();
      writer.write(2);
      writer.rename();
    },
    [](Writer& writer) {
      writer.write(1);
      writer.rename();
      writer.write(2);
      writer.copy_and_cut();
    },
};

// What it did before that.
const std::vector<Act> kBefore = {
    [](Writer&) {},
    [](Writer& writer) { writer.write(1); },
    [](Writer& writer) { writer.rename(); },
    [](Writer& writer) { writer.copy_and_cut(); },
    [](Writer& writer) {
      writer.write(2);
      writer.rename();
      writer.write(3);
    },
    [](Writer& writer) {
      writer.write(2);
      writer.copy_and_cut();
    },
};

struct Plan {
  int first_lines = 0;  // that were read before
  bool down = false;    // the look is that of a new process
  const Act* before = nullptr;
  const Act* first = nullptr;
  const Act* second = nullptr;
  int calls = 0;  // before `first`
  int gap = 0;    // between the two
};

// Gives whether the place of the first rotation exists.
bool try_place(const Plan& plan) {
  TailHarness tail({kLog});
  Writer writer(tail);
  tail.disk.write(kLog, "");
  tail.start();
  if (plan.first_lines > 0) {
    writer.write(plan.first_lines);
    tail.settle();
  }
  (*plan.before)(writer);
  int calls = 0;
  bool done = false;
  const std::function<void()> hook = [&] {
    const int at = calls++;
    const bool first = at == plan.calls;
    if (!first && at != plan.calls + plan.gap) return;
    const auto again = std::exchange(tail.disk.hooks.call, nullptr);
    (first ? *plan.first : *plan.second)(writer);
    tail.disk.hooks.call = again;
    done = true;
  };
  tail.disk.hooks.call = hook;
  if (plan.down) {
    tail.restart();
  } else {
    tail.settle();
  }
  tail.disk.hooks.call = nullptr;
  tail.settle();
  for (int look = 0; look < 3; ++look) tail.pass_grace();
  EXPECT_EQ(tail.lines(), writer.lines())
      << plan.first_lines << " lines before, " << (plan.down ? "down, " : "") << "state "
      << plan.before - kBefore.data() << ", rotation " << plan.first - kRotations.data()
      << " at call " << plan.calls << ", " << plan.second - kRotations.data() << " " << plan.gap
      << " later";
  return done;
}

void try_places(Plan plan) {
  constexpr int kPlacesMax = 200;
  while (try_place(plan) && !testing::Test::HasFailure()) ++plan.calls;
  ASSERT_LT(plan.calls, kPlacesMax);
  ASSERT_GT(plan.calls, 0);
}

void try_all_places(int first_lines, bool down) {
  const bool all = std::getenv("PICKET_TAIL_ALL_PLACES") != nullptr;
  for (const Act& before : kBefore) {
    for (const Act& first : kRotations) {
      for (const Act& second : kRotations) {
        if (!all && &second != &first && &second != &kRotations[0]) continue;
        for (int gap = 1; gap < (all ? 20 : 8); gap += (all ? 2 : 5))
          try_places({first_lines, down, &before, &first, &second, 0, gap});
      }
    }
  }
}

TEST(FileTailBetween, EmptyLogThatIsFollowed) { try_all_places(0, false); }

TEST(FileTailBetween, LogThatWasRead) { try_all_places(5, false); }

TEST(FileTailBetween, EmptyLogAtAStart) { try_all_places(0, true); }

TEST(FileTailBetween, LogThatWasReadAtAStart) { try_all_places(5, true); }

// Has `act` done before one call of the disk that `look` makes; gives whether there was such a
// call.
bool between(TailHarness& tail, int calls, const std::function<void()>& look,
             const std::function<void()>& act) {
  bool done = false;
  int left = calls;
  const std::function<void()> hook = [&] {
    if (left-- != 0) return;
    const auto again = std::exchange(tail.disk.hooks.call, nullptr);
    act();
    tail.disk.hooks.call = again;
    done = true;
  };
  tail.disk.hooks.call = hook;
  look();
  tail.disk.hooks.call = nullptr;
  return done;
}

// The log is renamed before a look and again in its midst; then the process is killed when all but
// the last `uncommitted` batches of the look were committed. Gives whether the place exists.
bool try_crash(bool births, bool down, int calls, size_t uncommitted) {
  TailHarness tail({kLog + "*"});
  tail.disk.record_birth(births);
  Writer writer(tail);
  tail.disk.write(kLog, "");
  tail.start();
  writer.write(2);
  tail.settle();
  writer.rename();
  const size_t before = tail.sink.batches.size();
  const auto look = [&] { down ? tail.restart() : tail.settle(); };
  const bool done = between(tail, calls, look, [&] { writer.rename(); });
  const size_t committed = std::max(before, tail.sink.batches.size() - uncommitted);
  const auto checkpoints = tail.sink.checkpoints(committed, {});
  Lines lines = tail.sink.lines(committed);
  tail.sink.batches.clear();
  tail.start(checkpoints);
  tail.pass_grace();
  for (std::string& line : tail.sink.lines()) lines.push_back(std::move(line));
  EXPECT_EQ(sorted(lines), writer.lines())
      << (births ? "" : "no births, ") << (down ? "down, " : "") << "call " << calls << ", all but "
      << uncommitted << " batches committed";
  return done;
}

TEST(FileTailBetween, NoCrashForgetsHowFarAFileWasReadThatIsRenamedTwice) {
  for (const bool births : {true, false}) {
    for (const bool down : {false, true}) {
      for (size_t uncommitted = 0; uncommitted < 8; ++uncommitted) {
        int calls = 0;
        while (try_crash(births, down, calls, uncommitted) && !HasFailure()) ++calls;
        ASSERT_GT(calls, 0);
      }
    }
  }
}

// Gives whether the place exists.
bool try_late_look(int calls) {
  TailHarness tail({kLog});
  tail.batch_bytes = 64;  // so that the copy is not read in one turn
  Writer writer(tail);
  tail.disk.write(kLog, "");
  tail.start();
  writer.write(2);
  tail.settle();
  const auto look = [&] {
    tail.files().poll(1);
    tail.files().turn();
  };
  writer.write(5);
  const bool done = between(tail, calls, look, [&] { writer.copy_and_cut(); });
  for (int looks = 0; looks < 3; ++looks) tail.pass_grace();
  EXPECT_EQ(tail.lines(), writer.lines()) << "call " << calls;
  return done;
}

TEST(FileTailBetween, CopyThatIsClosedInTheNextLookIsNotFoundAgain) {
  int calls = 0;
  while (try_late_look(calls) && !HasFailure()) ++calls;
  ASSERT_GT(calls, 0);
}

}  // namespace
}  // namespace picket
