// Certificates for tests of TLS on loopback.
#pragma once

#include <string>

namespace picket::testing {

struct CertificatePlan {
  // Who signs it; empty: itself, and then who trusts the certificate trusts the key.
  std::string signer = {};
  std::string signer_key = {};
  bool authority = false;  // may sign others
  bool expired = false;
};

// Writes a new key and its certificate for 127.0.0.1 as PEM.
void write_certificate(const std::string& certificate_path, const std::string& key_path,
                       const CertificatePlan& plan = {});

}  // namespace picket::testing
