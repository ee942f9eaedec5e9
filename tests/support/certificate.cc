#include "tests/support/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <functional>

namespace picket::testing {
namespace {

void extend(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void with_file(const std::string& path, const char* mode,
               const std::function<void(std::FILE*)>& use) {
  std::FILE* file = std::fopen(path.c_str(), mode);
  use(file);
  std::fclose(file);
}

// By the certificate and key of the plan, or by its own.
void sign(X509* certificate, EVP_PKEY* key, const CertificatePlan& plan) {
  if (plan.signer.empty()) {
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_sign(certificate, key, EVP_sha256());
    return;
  }
  with_file(plan.signer, "r", [certificate](std::FILE* file) {
    X509* signer = PEM_read_X509(file, nullptr, nullptr, nullptr);
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    X509_free(signer);
  });
  with_file(plan.signer_key, "r", [certificate](std::FILE* file) {
    EVP_PKEY* signer = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
    X509_sign(certificate, signer, EVP_sha256());
    EVP_PKEY_free(signer);
  });
}

}  // namespace

void write_certificate(const std::string& certificate_path, const std::string& key_path,
                       const CertificatePlan& plan) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), plan.expired ? -60 : 3600);
  // Each has its own, so that an issuer is found by it.
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(
                                 certificate_path.c_str() + certificate_path.rfind('/') + 1),
                             -1, -1, 0);
  extend(certificate, NID_subject_alt_name, "IP:127.0.0.1");
  if (plan.authority) extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  X509_set_pubkey(certificate, key);
  sign(certificate, key, plan);
  with_file(certificate_path, "w", [&](std::FILE* file) { PEM_write_X509(file, certificate); });
  with_file(key_path, "w", [&](std::FILE* file) {
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(certificate);
  EVP_PKEY_free(key);
}

}  // namespace picket::testing
