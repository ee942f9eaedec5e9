#include "tests/support/tls_client.h"

#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "tests/support/http_receiver.h"

namespace picket::testing {

TlsClient::TlsClient(uint16_t port, const TlsClientOptions& options)
    : context_(SSL_CTX_new(TLS_client_method())), fd_(connect_to(port)) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that refuses us closes first
  SSL_CTX_set_max_proto_version(context_, options.version_max);
  if (!options.certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context_, options.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context_, options.key.c_str(), SSL_FILETYPE_PEM);
  }
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  connected_ = SSL_connect(ssl_) == 1;
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ::close(fd_);
}

void TlsClient::send(std::string_view text) {
  while (!text.empty()) {
    const int n =
        SSL_write(ssl_, text.data(), static_cast<int>(std::min<size_t>(text.size(), 16'384)));
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string TlsClient::read_some() {
  std::array<char, 4096> buffer;
  const int n = SSL_read(ssl_, buffer.data(), buffer.size());
  return {buffer.data(), static_cast<size_t>(std::max(n, 0))};
}

std::string TlsClient::read_to_end() {
  std::string all;
  for (std::string more = read_some(); !more.empty(); more = read_some()) all += more;
  return all;
}

std::string TlsClient::server_key() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  const ASN1_BIT_STRING* bits = X509_get0_pubkey_bitstr(certificate);
  return {reinterpret_cast<const char*>(bits->data), static_cast<size_t>(bits->length)};
}

std::string tls_exchange(uint16_t port, std::string_view request, const TlsClientOptions& options) {
  TlsClient client(port, options);
  if (!client.connected()) return {};
  client.send(request);
  return client.read_to_end();
}

}  // namespace picket::testing
