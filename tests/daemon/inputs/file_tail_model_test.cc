// Random lives of one log against a model of what can be known of it (file_tail_world.h).
//
// PICKET_TAIL_SEQUENCES sets the number of lives, PICKET_TAIL_SEED the first. A failing life is
// printed after every step that does not matter was taken out.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "tests/daemon/inputs/file_tail_world.h"

namespace picket {
namespace {

Life random_life(std::mt19937_64& random) {
  std::vector<uint32_t> weights;
  for (const StepKind& kind : kSteps) weights.push_back(kind.weight);
  std::discrete_distribution<uint32_t> steps(weights.begin(), weights.end());
  Life life(5 + random() % 25);
  for (Deed& deed : life) {
    deed.step = static_cast<Step>(steps(random));
    deed.amount = static_cast<uint32_t>(random() % 64);
    if (random() % 3 == 0) deed.calls = static_cast<uint32_t>(1 + random() % 30);
  }
  return life;
}

// Takes out what does not matter, longer stretches first.
Life shrink(Life life, Climate climate) {
  for (size_t length = life.size() / 2; length > 0;) {
    bool shorter = false;
    for (size_t at = 0; at + length <= life.size();) {
      Life tried = life;
      const auto first = tried.begin() + static_cast<ptrdiff_t>(at);
      tried.erase(first, first + static_cast<ptrdiff_t>(length));
      if (World(climate).live(tried).empty()) {
        ++at;
      } else {
        life = std::move(tried);
        shorter = true;
      }
    }
    if (!shorter || length > life.size()) length = std::min(length / 2, life.size());
  }
  return life;
}

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void try_life(uint64_t seed) {
  std::mt19937_64 random(seed);
  const Life life = random_life(random);
  const Climate climate = {.all_names = seed % 2 == 0,
                           .births = seed % 3 != 0,
                           .small_batches = seed % 5 != 0,
                           .up_at_first = seed % 7 != 0};
  if (World(climate).live(life).empty()) return;
  const Life least = shrink(life, climate);
  FAIL() << "seed " << seed << ", " << (climate.all_names ? "all names" : "one name")
         << (climate.births ? "" : ", no births") << (climate.small_batches ? "" : ", big batches")
         << (climate.up_at_first ? "" : ", down at first") << ": " << to_text(least) << "\n"
         << World(climate).live(least);
}

TEST(FileTailModel, RandomLivesLoseNothingAndRepeatNothing) {
  const uint64_t count = number_from("PICKET_TAIL_SEQUENCES", 4000);
  const uint64_t first = number_from("PICKET_TAIL_SEED", 1);
  for (uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed)
    try_life(seed);
}

// Each of them once showed a line that was read twice, or not at all.
TEST(FileTailModel, LivesThatWentWrongOnce) {
  for (const uint64_t seed :
       {1013231,  1018483,  2003714,  2017714,  3016710,   5011638,   11007636,  12000692,
        13014707, 20007000, 20067358, 30011333, 30021557,  41065096,  52041611,  165067,
        50008005, 60025932, 76007035, 76100805, 78012676,  81029125,  84015240,  94008169,
        95019887, 96025931, 98029188, 99022794, 200003962, 300385467, 300422953, 300429989})
    try_life(seed);
}

}  // namespace
}  // namespace picket
