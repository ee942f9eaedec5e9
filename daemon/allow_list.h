// The configuration's allow list: who raises no alert until a certain day.
//
// An entry becomes an exception of every detection rule that does not name refusals, so what it
// matches feeds no window; the names of refusals and the metrics of them stay. One more detection
// in shadow mode, allow_list_1 for the first entry and so on, counts the refusals that were held
// back: picket_rule_matches_total{rule="allow_list_1"}. An entry ends by the time of the event, as
// exceptions do, so a replay honours the entries of its day.
//
// Thread rule: start-up and reload only, one thread.
#pragma once

#include <vector>

#include "config/result.h"
#include "config/settings.h"
#include "rules/rule_spec.h"
#include "rules/types.h"

namespace picket {

// Returns what is wrong, each at the place of its entry.
Diagnostics apply_allow_list(const std::vector<AllowEntry>& entries, RuleDocuments& rules);

// A warning for each entry that has expired by `now`.
Diagnostics expired_entries(const std::vector<AllowEntry>& entries, Timestamp now);

}  // namespace picket
