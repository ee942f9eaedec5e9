// The http input as a whole: sockets, spool, restart, and clients that mean no good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <fstream>

#include "tests/daemon/inputs/input_harness.h"
#include "tests/support/certificate.h"
#include "tests/support/http_receiver.h"
#include "tests/support/packed.h"
#include "tests/support/sockets.h"
#include "tests/support/tls_client.h"

namespace picket {
namespace {

using ::testing::HasSubstr;
using testing::http_exchange;
using ::testing::Not;
using ::testing::StartsWith;
using testing::tls_exchange;
using Lines = std::vector<std::string>;

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

  const uint16_t port_ = testing::free_port();
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

TEST_F(HttpIngestTest, TlsClientsAreServedAndPlainAndOldOnesAreNot) {
  std::filesystem::create_directories(input_.state_folder);
  const std::string certificate = input_.state_folder + "/cert.pem";
  const std::string key = input_.state_folder + "/key.pem";
  testing::write_certificate(certificate, key);
  start(fmt::format(", body_max: 1MiB, tls: {{certificate: '{}', key: '{}'}}", certificate, key));
  EXPECT_THAT(ask(post("1\n")), Not(HasSubstr("200")));
  EXPECT_EQ(tls_exchange(port_, post("2\n"), {.version_max = TLS1_1_VERSION}), "");
  EXPECT_THAT(tls_exchange(port_, post("3\n"), {.version_max = TLS1_2_VERSION}),
              HasSubstr("{\"lines\":1}"));
  EXPECT_THAT(tls_exchange(port_, post("4\n5\n")), HasSubstr("{\"lines\":2}"));
  // The answer arrives although the client is still sending.
  EXPECT_THAT(tls_exchange(port_, post(std::string(2 << 20, 'x'))), StartsWith("HTTP/1.1 413 "));
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(input_.sink.lines(), (Lines{"3", "4", "5"}));
  EXPECT_EQ(push_stats().refused[static_cast<size_t>(PushRefusal::Malformed)], 2u);
}

// Files for TLS in a folder that is gone after the test.
class HttpIngestTlsTest : public HttpIngestTest {
 protected:
  HttpIngestTlsTest() { std::filesystem::create_directories(input_.state_folder); }
  std::string path(const std::string& name) const { return input_.state_folder + "/" + name; }
  void make_certificate(const std::string& name, testing::CertificatePlan plan = {}) const {
    if (!plan.signer.empty()) plan.signer_key = path(plan.signer + ".key");
    if (!plan.signer.empty()) plan.signer = path(plan.signer + ".pem");
    testing::write_certificate(path(name + ".pem"), path(name + ".key"), plan);
  }
  void start_tls(std::string_view more = "") {
    start(fmt::format(", tls: {{certificate: '{}', key: '{}'{}}}", path("server.pem"),
                      path("server.key"), more));
  }
  std::string send_as(const std::string& name, int version = TLS1_3_VERSION) const {
    return tls_exchange(port_, post("1\n"), {version, path(name + ".pem"), path(name + ".key")});
  }
};

// A file may hold several certificates.
void append_file(const std::string& from, const std::string& to) {
  std::ofstream(to, std::ios::app) << std::ifstream(from).rdbuf();
}

TEST_F(HttpIngestTlsTest, OnlyWhoShowsACertificateOfTheAuthorityMaySend) {
  make_certificate("server");
  make_certificate("ca", {.authority = true});
  make_certificate("other_ca", {.authority = true});
  make_certificate("good", {.signer = "ca"});
  make_certificate("expired", {.signer = "ca", .expired = true});
  make_certificate("stranger", {.signer = "other_ca"});
  make_certificate("self_signed");
  make_certificate("no_authority", {.signer = "good"});
  make_certificate("between", {.signer = "ca", .authority = true});
  make_certificate("indirect", {.signer = "between"});
  append_file(path("between.pem"), path("indirect.pem"));
  append_file(path("good.pem"), path("no_authority.pem"));
  start_tls(", client_ca: '" + path("ca.pem") + "'");
  uint64_t refused = 0;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_THAT(send_as("good", version), HasSubstr("{\"lines\":1}"));
    EXPECT_THAT(send_as("indirect", version), HasSubstr("{\"lines\":1}"));
    EXPECT_EQ(tls_exchange(port_, post("2\n"), {version}), "") << "none";
    for (const char* name : {"expired", "stranger", "self_signed", "no_authority"}) {
      EXPECT_EQ(send_as(name, version), "") << name;
    }
    refused += 5;
    const auto told = [&] {
      return push_stats().refused[static_cast<size_t>(PushRefusal::Unauthorized)] == refused;
    };
    EXPECT_TRUE(input_.run_until(told));
  }
  EXPECT_EQ(push_stats().requests, 14u);
  ASSERT_TRUE(input_.run_until_lines(4));
  EXPECT_EQ(input_.sink.lines(), Lines(4, "1"));
}

TEST_F(HttpIngestTlsTest, ChainsLongerThanTheBoundAreRefused) {
  make_certificate("server");
  make_certificate("ca0", {.authority = true});
  for (int i = 1; i <= TlsServer::kClientDepthMax + 1; ++i) {
    const std::string above = "ca" + std::to_string(i - 1);
    make_certificate("ca" + std::to_string(i), {.signer = above, .authority = true});
    make_certificate("leaf" + std::to_string(i), {.signer = "ca" + std::to_string(i)});
    for (int j = i; j > 0; --j) {
      append_file(path("ca" + std::to_string(j) + ".pem"),
                  path("leaf" + std::to_string(i) + ".pem"));
    }
  }
  start_tls(", client_ca: '" + path("ca0.pem") + "'");
  const std::string most = "leaf" + std::to_string(TlsServer::kClientDepthMax);
  const std::string more = "leaf" + std::to_string(TlsServer::kClientDepthMax + 1);
  EXPECT_THAT(send_as(most), HasSubstr("{\"lines\":1}"));
  EXPECT_EQ(send_as(more), "");
}

TEST_F(HttpIngestTlsTest, ANewCertificateIsTakenWithoutClosing) {
  make_certificate("server");
  start_tls();
  testing::TlsClient client(port_);
  ASSERT_TRUE(client.connected());
  const std::string request = "POST /ingest/test HTTP/1.1\r\nContent-Length: 2\r\n\r\n1\n";
  client.send(request);
  EXPECT_THAT(client.read_some(), StartsWith("HTTP/1.1 200 "));
  input_.stop();
  make_certificate("server");
  start_tls();
  client.send(request);
  EXPECT_THAT(client.read_some(), StartsWith("HTTP/1.1 200 ")) << "the connection lives on";
  testing::TlsClient next(port_);
  EXPECT_NE(next.server_key(), client.server_key());
  // Now strangers may not send any more, and the connections they have are of no use.
  input_.stop();
  make_certificate("ca", {.authority = true});
  start_tls(", client_ca: '" + path("ca.pem") + "'");
  client.send(request);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(HttpIngestTlsTest, AConnectionHasOneHandshake) {
  make_certificate("server");
  start_tls();
  testing::TlsClient client(port_, {.version_max = TLS1_2_VERSION});
  ASSERT_TRUE(client.connected());
  EXPECT_FALSE(client.renegotiate());
  EXPECT_THAT(tls_exchange(port_, post("1\n")), HasSubstr("{\"lines\":1}"));
}

TEST_F(HttpIngestTlsTest, WhatIsNoCertificateIsReported) {
  make_certificate("server");
  const auto made = input_.make(
      "http", yaml(fmt::format(", tls: {{certificate: '{0}', key: '{1}', client_ca: '{1}'}}",
                               path("server.pem"), path("server.key"))));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().at(0).where.file, path("server.key"));
}

TEST_F(HttpIngestTest, ATakenPortStopsTheStart) {
  ListenerPool other;
  const auto theirs = other.tcp({.port = port_});
  ASSERT_TRUE(theirs);
  auto input = input_.make("http", yaml());
  ASSERT_TRUE(input);
  EXPECT_FALSE((*input)->prepare().empty());
}

// As when a reload changes the section of the input: requests begin with the one and end with the
// next.
TEST_F(HttpIngestTest, ConnectionsOutliveTheInput) {
  start();
  const int fd = testing::connect_to(port_);
  testing::send_text(fd, "POST /ingest/test HTTP/1.1\r\nContent-Length: 2\r\n\r\n1\n");
  ASSERT_TRUE(input_.run_until_lines(1));
  testing::send_text(fd, "POST /ingest/test HTTP/1.1\r\nContent-Length: 2\r\n\r\n2");
  input_.stop();
  testing::send_text(fd, "\n");
  const int between = testing::connect_to(port_);
  testing::send_text(between, post("3\n"));
  start();
  EXPECT_THAT(testing::read_to_end(between), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(input_.run_until_lines(3));
  Lines lines = input_.sink.lines();
  std::ranges::sort(lines);
  EXPECT_EQ(lines, (Lines{"1", "2", "3"}));
  ::close(between);
  EXPECT_TRUE(input_.run_until([&] { return push_stats().connections == 1; }));
  ::close(fd);
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
