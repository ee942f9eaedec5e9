// CorrelatorRun: one correlator and one group, without the engine: hits in, judgements out.
//
// Thread rule: one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rules/correlator.h"
#include "tests/rules/rule_text.h"

namespace picket {

// A correlation of a type beyond Sigma: `options` is the inside of its map, as YAML in one line;
// `document` is what stands beside group-by, one line.
inline RuleDocuments read_own_type(const std::string& options, const std::string& document = "") {
  return read_text("title: t\npicket:\n  correlation: {" + options +
                   "}\ncorrelation:\n  group-by: who\n  " + document + "\n");
}

// "line:column message" for each problem of such a rule, in reading, preparing and making it.
inline std::vector<std::string> problems_of(const std::string& options,
                                            const std::string& document = "") {
  RuleDocuments rules = read_own_type(options, document);
  Diagnostics found = rules.rejected;
  for (CorrelationSpec& spec : rules.correlations) {
    if (Result<void> prepared = prepare_correlation(spec); !prepared) {
      append(found, prepared.error());
    } else if (auto made = make_correlator(spec); !made) {
      append(found, made.error());
    }
  }
  std::vector<std::string> texts;
  for (const Diagnostic& problem : found) {
    texts.push_back(std::to_string(problem.where.line) + ":" +
                    std::to_string(problem.where.column) + " " + problem.message);
  }
  return texts;
}

class CorrelatorRun {
 public:
  explicit CorrelatorRun(const std::string& options, const std::string& document = "")
      : rules_(read_own_type(options, document)) {
    for (const Diagnostic& problem : rules_.rejected) ADD_FAILURE() << problem.message;
    prepare();
    // Preparing twice changes nothing, so that nobody needs to know whether it was done.
    prepare();
    auto made = make_correlator(spec());
    if (!made) {
      for (const Diagnostic& problem : made.error()) ADD_FAILURE() << problem.message;
      std::abort();
    }
    correlator_ = *std::move(made);
    state_ = correlator_->make_state();
  }

  CorrelationSpec& spec() { return rules_.correlations.at(0); }
  const Correlator& correlator() const { return *correlator_; }
  GroupState& state() { return *state_; }

  Judgement hit(int64_t time, uint64_t roles = 1) {
    return correlator_->process(*state_, {.time = timestamp_ms(time), .roles = roles});
  }
  Judgement value_hit(int64_t time, uint64_t roles, uint64_t value) {
    return correlator_->process(
        *state_,
        {.time = timestamp_ms(time), .roles = roles, .value_hash = value, .has_value = true});
  }
  Judgement pass(int64_t now) { return correlator_->on_time(*state_, timestamp_ms(now)); }
  std::string describe(int64_t now) const {
    return correlator_->describe(*state_, timestamp_ms(now));
  }

  std::string saved() const {
    std::string bytes;
    state_->encode(bytes);
    return bytes;
  }
  // Saves the state and goes on with what was saved.
  void reload() {
    std::string bytes = saved();
    state_ = correlator_->make_state();
    ASSERT_TRUE(state_->decode(bytes));
    ASSERT_EQ(saved(), bytes);
  }
  void forget() { state_ = correlator_->make_state(); }
  // True when `bytes` are a state; then the run goes on with it.
  bool restore(std::string_view bytes) {
    state_ = correlator_->make_state();
    return state_->decode(bytes);
  }

 private:
  void prepare() {
    Result<void> prepared = prepare_correlation(spec());
    if (prepared) return;
    for (const Diagnostic& problem : prepared.error()) ADD_FAILURE() << problem.message;
  }

  RuleDocuments rules_;
  std::unique_ptr<Correlator> correlator_;
  std::unique_ptr<GroupState> state_;
};

// Whatever the bytes, a state is either refused or can be used: nothing crashes or overflows. The
// sanitizers watch this.
inline void survive_any_state(CorrelatorRun& run) {
  std::mt19937_64 random(99);
  const std::string good = run.saved();
  constexpr int kRounds = 3000;
  int accepted = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string bytes = good;
    if (round % 3 == 0) bytes.resize(random() % (good.size() + 9));
    const size_t changes = round % 3 == 1 ? 1 : bytes.size();
    for (size_t i = 0; i < changes && !bytes.empty(); ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (!run.restore(bytes)) continue;
    ++accepted;
    for (const int64_t time : {INT64_MIN, int64_t{-62'135'596'800'000}, int64_t{0},
                               int64_t{253'402'300'799'999}, INT64_MAX}) {
      run.describe(time);
      run.value_hit(time, random(), random());
      run.pass(time);
      run.describe(time);
    }
    ASSERT_TRUE(run.restore(run.saved())) << "what it makes of it can be saved again";
  }
  EXPECT_GT(accepted, 0) << "nothing was accepted, so nothing was tried";
  EXPECT_FALSE(run.restore(""));
  EXPECT_TRUE(run.restore(good));
  EXPECT_FALSE(run.restore(good + "x")) << "bytes too many";
  EXPECT_FALSE(run.restore(std::string_view(good).substr(0, good.size() - 1)));
}

// Every time that an event can have, forwards and backwards: nothing overflows, and what comes of
// it can be saved.
inline void survive_extreme_times(CorrelatorRun& run) {
  constexpr int64_t kYear1 = -62'135'596'800'000;
  constexpr int64_t kYear9999 = 253'402'300'799'999;
  for (const int64_t time : {kYear1, kYear9999, INT64_MAX, INT64_MIN, kYear1, int64_t{0}}) {
    for (uint64_t role : {1U, 2U, 3U}) {
      const Judgement judged = run.value_hit(time, role, role);
      EXPECT_GE(judged.progress, 0);
      EXPECT_LE(judged.progress, 1);
      EXPECT_FALSE(run.describe(time).empty());
    }
    run.reload();
  }
}

}  // namespace picket
