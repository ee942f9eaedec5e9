// WARNING: slow on purpose. Linked into tests only.
//
// The types beyond Sigma for naive_judge.h: their options, and what they say of a list of hits.
//
// Thread rule: pure functions.
#pragma once

#include <vector>

#include "tests/reference/naive_judge.h"

namespace picket {

bool naive_own_type(const NaiveRule& rule);
// Fills references and fields with what the options of `spec` name.
void read_own_options(const CorrelationSpec& spec, NaiveRule& rule);
// The timespan, or what takes its place: `within`, one day for sequential_test.
Duration naive_timespan(const CorrelationSpec& spec);
// Positive for a hit that is of the background: it counts from the beginning of its quantum on, and
// neither opens an alert nor keeps one alive.
Duration naive_quantum(const NaiveRule& rule, const NaiveHit& hit);
// REQUIRES: naive_own_type(rule) and not `absence`.
bool naive_own_holds(const NaiveRule& rule, const std::vector<NaiveHit>& hits);

}  // namespace picket
