// The result of a replay for people: a summary on a terminal, or a page to pass on.
//
// Thread rule: pure functions.
#pragma once

#include <string>

#include "daemon/replay.h"

namespace picket {

// Who, what, since when, how sure: everybody who is said to mean it, worst first; mistakes by kind;
// then causes and the ledger.
std::string summary_text(const ReplayResult& result, size_t logs);

// The same with evidence, as one HTML file without scripts or outside references.
std::string report_html(const ReplayResult& result, size_t logs);

}  // namespace picket
