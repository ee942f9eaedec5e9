// A certificate that has signed itself, for tests of TLS on loopback.
#pragma once

#include <string>

namespace picket::testing {

// Writes a key and its certificate for 127.0.0.1 as PEM. Who trusts the certificate trusts the key.
void write_certificate(const std::string& certificate_path, const std::string& key_path);

}  // namespace picket::testing
