// Sockets on this machine, for tests of what listens.
#pragma once

#include <cstdint>
#include <string>

namespace picket::testing {

// A loopback port that was free a moment ago.
uint16_t free_port();
// A connection to a unix socket; -1 on failure.
int connect_unix(const std::string& path);

}  // namespace picket::testing
