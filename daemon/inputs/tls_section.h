// The `tls` section of the inputs that senders connect to.
//
//   tls: {certificate: /etc/picket/cert.pem, key: /etc/picket/key.pem, client_ca:
//   /etc/picket/ca.pem}
//
// Thread rule: pure. Tested by tests/daemon/inputs/http_ingest_test.cc and
// tests/daemon/inputs/socket_test.cc.
#pragma once

#include <optional>

#include "config/node.h"
#include "daemon/byte_stream.h"

namespace picket {

// The section that `input` has, or nothing.
std::optional<TlsFiles> read_tls(MapReader& input, Diagnostics& diagnostics);

}  // namespace picket
