// The http input as a whole: sockets, spool, restart, and clients that mean no good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <fstream>

#include "tests/daemon/inputs/input_harness.h"
#include "tests/support/certificate.h"
#include "tests/support/http_receiver.h"
#include "tests/support/packed.h"

namespace picket {
namespace {

using ::testing::HasSubstr;
using testing::http_exchange;
using ::testing::Not;
using ::testing::StartsWith;
using Lines = std::vector<std::string>;

// A port that was free a moment ago.
uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  socklen_t size = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string post(std::string_view body, std::string_view headers = "") {
  return fmt::format(
      "POST /ingest/test HTTP/1.1\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}",
      body.size(), headers, body);
}

class HttpIngestTest : public ::testing::Test {
 protected:
  std::string yaml(std::string_view more = "") const {
    return fmt::format("{{type: http, name: test, listen: '127.0.0.1:{}'{}}}", port_, more);
  }
  void start(std::string_view more = "") { input_.start("http", yaml(more)); }
  std::string ask(std::string_view request) const { return http_exchange(port_, request); }
  PushStats push_stats() const { return input_.input->stats().push.value_or(PushStats()); }

  const uint16_t port_ = free_port();
  InputHarness input_;
};

TEST_F(HttpIngestTest, PostedLinesArriveInOrder) {
  start();
  EXPECT_THAT(ask(post("1\n2\n")), HasSubstr("{\"lines\":2}"));
  EXPECT_THAT(ask(post(gzip("3\n4"), "Content-Encoding: gzip\r\n")), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(post(zstd("5\n"), "Content-Encoding: zstd\r\n")), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(input_.run_until_lines(5));
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(input_.sink.problems, Lines{});
  const PushStats stats = push_stats();
  EXPECT_EQ(stats.requests, 3u);
  EXPECT_EQ(stats.spool_records, 3u);
}

TEST_F(HttpIngestTest, WhatWasAcknowledgedIsReadAfterARestartAndNotTwice) {
  start();
  EXPECT_THAT(ask(post("1\n2\n")), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(input_.run_until_lines(2));
  // The pipeline takes nothing more: what comes now stays in the spool.
  input_.sink.accept_max = input_.sink.batches.size();
  EXPECT_THAT(ask(post("3\n")), StartsWith("HTTP/1.1 200 "));
  input_.stop();
  input_.sink.accept_max = std::string::npos;
  start();
  EXPECT_THAT(ask(post("4\n")), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(input_.run_until_lines(4));
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "2", "3", "4"}));
}

TEST_F(HttpIngestTest, BombsAndOversizeAreRefusedAndTheNextClientIsServed) {
  start(", body_max: 64KiB, unpacked_max: 128KiB, spool_max: 16MiB");
  const std::string bomb = zstd(std::string(64 << 20, '\0'));
  EXPECT_THAT(ask(post(bomb, "Content-Encoding: zstd\r\n")), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(post(std::string(70'000, 'x'))), StartsWith("HTTP/1.1 413 "));
  const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  EXPECT_THAT(ask("POST /ingest/test HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk +
                  chunk + chunk + "0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask(post("good\n")), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_EQ(input_.sink.lines(), Lines{"good"});
  EXPECT_EQ(push_stats().refused[static_cast<size_t>(PushRefusal::TooLarge)], 3u);
  EXPECT_EQ(push_stats().requests, 4u);
}

TEST_F(HttpIngestTest, AStrangerCannotMakeItHoldABody) {
  const std::string path = ::testing::TempDir() + "picket_token_" + std::to_string(::getpid());
  std::ofstream(path) << "  secret\n";
  start(", token_file: '" + path + "'");
  std::filesystem::remove(path);
  // The answer comes although the body never does.
  EXPECT_THAT(ask("POST /ingest/test HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"),
              StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask("POST /ingest/test HTTP/1.1\r\nContent-Length: 1000000\r\nExpect: "
                  "100-continue\r\n\r\n"),
              StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(ask(post("1\n", "Authorization: Bearer secret\r\n")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpIngestTest, AThousandSlowClientsHarmNobody) {
  start(", connections_max: 50");
  std::vector<int> slow;
  for (int i = 0; i < 1000; ++i) {
    slow.push_back(testing::connect_to(port_));
    testing::send_text(slow.back(), i % 2 == 0
                                        ? "POST /ingest/test HTTP/1.1\r\nContent-Length: 9\r\n\r\n1"
                                        : "POST /ingest/test HT");
    if (i % 100 == 99) {
      EXPECT_THAT(ask(post("good\n")), StartsWith("HTTP/1.1 200 ")) << i;
    }
  }
  EXPECT_LE(push_stats().connections, 50u);
  ASSERT_TRUE(input_.run_until_lines(10));
  EXPECT_EQ(input_.sink.lines(), Lines(10, "good"));
  for (const int fd : slow) ::close(fd);
}

// A request over TLS and its answer; nothing when there is no handshake.
std::string tls_exchange(uint16_t port, int version_max, std::string_view request) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_max_proto_version(context, version_max);
  const int fd = testing::connect_to(port);
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  std::string answer;
  if (SSL_connect(ssl) == 1) {
    while (!request.empty()) {
      const int n = SSL_write(ssl, request.data(),
                              static_cast<int>(std::min<size_t>(request.size(), 16'384)));
      if (n <= 0) break;
      request.remove_prefix(static_cast<size_t>(n));
    }
    char buffer[4096];
    for (int n = 0; (n = SSL_read(ssl, buffer, sizeof buffer)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  ::close(fd);
  return answer;
}

TEST_F(HttpIngestTest, TlsClientsAreServedAndPlainAndOldOnesAreNot) {
  std::filesystem::create_directories(input_.state_folder);
  const std::string certificate = input_.state_folder + "/cert.pem";
  const std::string key = input_.state_folder + "/key.pem";
  testing::write_certificate(certificate, key);
  start(fmt::format(", body_max: 1MiB, tls: {{certificate: '{}', key: '{}'}}", certificate, key));
  EXPECT_THAT(ask(post("1\n")), Not(HasSubstr("200")));
  EXPECT_EQ(tls_exchange(port_, TLS1_1_VERSION, post("2\n")), "");
  EXPECT_THAT(tls_exchange(port_, TLS1_2_VERSION, post("3\n")), HasSubstr("{\"lines\":1}"));
  EXPECT_THAT(tls_exchange(port_, TLS1_3_VERSION, post("4\n5\n")), HasSubstr("{\"lines\":2}"));
  // The answer arrives although the client is still sending.
  EXPECT_THAT(tls_exchange(port_, TLS1_3_VERSION, post(std::string(2 << 20, 'x'))),
              StartsWith("HTTP/1.1 413 "));
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(input_.sink.lines(), (Lines{"3", "4", "5"}));
  EXPECT_EQ(push_stats().refused[static_cast<size_t>(PushRefusal::Malformed)], 2u);
}

TEST_F(HttpIngestTest, ATakenPortStopsTheStart) {
  start();
  auto second = input_.make("http", yaml());
  ASSERT_TRUE(second);
  EXPECT_FALSE((*second)->prepare().empty());
}

TEST_F(HttpIngestTest, BuildingLeavesNoTrace) {
  EXPECT_TRUE(input_.make("http", yaml()));
  EXPECT_FALSE(std::filesystem::exists(input_.state_folder));
  start();
  EXPECT_TRUE(input_.make("http", yaml()));
}

TEST_F(HttpIngestTest, BadOptionsAreReportedInFull) {
  const auto made = input_.make(
      "http",
      "{type: http, name: a, listen: nowhere, token_file: /nonexistent, unpacked_max: 1MiB, "
      "spool_max: 1MiB, connections_max: 0, path: x}");
  ASSERT_FALSE(made);
  std::string all;
  for (const Diagnostic& problem : made.error()) all += problem.message + "\n";
  for (const char* part : {"'nowhere' is not an address", "'/nonexistent' cannot be read",
                           "'unpacked_max' must not be below", "'spool_max' must be at least",
                           "connections_max", "path"}) {
    EXPECT_THAT(all, HasSubstr(part));
  }
  EXPECT_FALSE(input_.make("http", "{type: http, name: a}"));
  EXPECT_FALSE(input_.make("http", yaml(", tls: {certificate: /nonexistent, key: /nonexistent}")));
  EXPECT_FALSE(input_.make("http", yaml(", tls: {certificate: /nonexistent}")));
  EXPECT_FALSE(input_.make("http", yaml(", unpacked_max: 2GiB, spool_max: 8GiB")));
}

}  // namespace
}  // namespace picket
