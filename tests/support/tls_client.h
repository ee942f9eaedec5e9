// TlsClient: a TLS connection to a loopback port, for tests of servers.
//
// Thread rule: one thread.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace picket::testing {

struct TlsClientOptions {
  int version_max = TLS1_3_VERSION;
  std::string certificate = {};  // to show; empty: none
  std::string key = {};
};

class TlsClient {
 public:
  explicit TlsClient(uint16_t port, const TlsClientOptions& options = {});
  // Closes the connection without a word.
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Whether there was a handshake. With TLS 1.3 the server may still refuse the client afterwards.
  bool connected() const { return connected_; }
  // Sends what it can.
  void send(std::string_view text);
  // The next bytes; empty: there are none any more.
  std::string read_some();
  std::string read_to_end();
  // Says that nothing more comes.
  void shut_down() { SSL_shutdown(ssl_); }
  // Asks for another handshake in this connection. TLS 1.2 only.
  bool renegotiate() { return SSL_renegotiate(ssl_) == 1 && SSL_do_handshake(ssl_) == 1; }
  // The public key that the server has shown, as bytes.
  std::string server_key() const;

 private:
  SSL_CTX* context_;
  int fd_;
  SSL* ssl_;
  bool connected_ = false;
};

// A request and its answer; empty when there is no handshake.
std::string tls_exchange(uint16_t port, std::string_view request,
                         const TlsClientOptions& options = {});

}  // namespace picket::testing
