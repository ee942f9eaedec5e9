// Checks that need more than one part of a configuration, or the parts themselves.
//
// parse_settings() looks at the file alone. What is found here is what would stop start-up later:
// options of inputs and outputs, addresses, names of schemas. `check` prints it, and `run` refuses
// to start because of it, so that a configuration that passes the first also starts the second.
//
// Building an output opens its file; a file that did not exist before is removed again, so that
// checking as root leaves nothing behind that the service may not write to.
//
// Thread rule: start-up and reload only, one thread.
// Tested by tests/daemon/check_test.cc.
#pragma once

#include "config/result.h"
#include "config/settings.h"

namespace picket {

class RuleSet;

// Everything that is wrong with inputs, outputs and addresses, in the order of the file. Knows
// nothing of schemas and rules.
Diagnostics check_parts(const Settings& settings);

// Inputs that name a schema which `rules` does not have.
Diagnostics check_schema_names(const Settings& settings, const RuleSet& rules);

}  // namespace picket
