// The part of sequential_test that `picket check` shows to people who write such rules.
//
// Thread rule: pure functions. See sequential_test.cc for the method.
#pragma once

#include <cstdint>

#include "rules/correlators/option_reader.h"

namespace picket {

struct SequentialTestOptions {
  uint64_t success = 0;  // roles
  uint64_t failure = 0;  // roles
  // Shares of first contacts that fail, as in the paper for connections.
  double p_honest = 0.2;
  double p_prober = 0.8;
  double false_alarm = 0.0001;  // an honest actor is taken for a prober
  double missed = 0.01;         // a prober is taken for an honest actor
  Duration timespan = std::chrono::hours(24);
  Wiring wiring = {};
};

// Errors: every problem of `spec.options`, with its place.
Result<SequentialTestOptions> read_sequential_test(const CorrelationSpec& spec);

// After how many attempts an actor is decided to be a prober when all of them fail.
// REQUIRES: options that read_sequential_test() has accepted.
int attempts_until_decision(const SequentialTestOptions& options);

}  // namespace picket
