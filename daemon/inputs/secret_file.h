// Secrets of inputs: tokens and passwords. They stand in files of their own, never in the
// configuration, an argument or the environment, which others can read.
//
// Thread rule: pure but for the file. Tested by tests/daemon/inputs/clickhouse_query_test.cc.
#pragma once

#include <string>

#include "config/node.h"

namespace picket {

// The content, without the white space around it, of the file that `at` names: a path, or the bare
// name of a credential that systemd passes on (LoadCredential=, $CREDENTIALS_DIRECTORY). Errors: it
// cannot be read, holds nothing, more than 4096 bytes or control characters. No error tells any of
// its content.
std::string read_secret(const Node& at, Diagnostics& diagnostics);

}  // namespace picket
