// The tcp and unix inputs as a whole.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdio>
#include <fstream>

#include "tests/daemon/inputs/input_harness.h"
#include "tests/support/certificate.h"
#include "tests/support/http_receiver.h"
#include "tests/support/sockets.h"
#include "tests/support/tls_client.h"

namespace picket {
namespace {

using testing::connect_unix;
using ::testing::HasSubstr;
using Lines = std::vector<std::string>;

class SocketTest : public ::testing::Test {
 protected:
  std::string unix_yaml(std::string_view more = "") const {
    return fmt::format("{{type: unix, name: u, path: '{}'{}}}", path_, more);
  }
  std::string tcp_yaml(std::string_view more = "") const {
    return fmt::format("{{type: tcp, name: t, listen: '127.0.0.1:{}'{}}}", port_, more);
  }

  InputHarness input_;
  const std::string path_ = input_.state_folder + "/lines.sock";
  const uint16_t port_ = testing::free_port();
};

TEST_F(SocketTest, UnixLinesArrive) {
  input_.start("unix", unix_yaml());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  const int fd = connect_unix(path_);
  testing::send_text(fd, "1\n2");
  ASSERT_TRUE(input_.run_until_lines(1));
  testing::send_text(fd, "2\nlast");
  ::close(fd);
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "22", "last"}));
  EXPECT_EQ(input_.sink.problems, Lines{});
  input_.stop();
  input_.listeners.settle();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketTest, TcpLinesArriveAndSurviveARestart) {
  input_.start("tcp", tcp_yaml());
  const int fd = testing::connect_to(port_);
  testing::send_text(fd, "1\n2\n");
  ASSERT_TRUE(input_.run_until_lines(2));
  // Spooled, but the pipeline takes nothing more.
  input_.sink.accept_max = input_.sink.batches.size();
  testing::send_text(fd, "3\n");
  const auto spooled = [&] { return input_.input->stats().push->spool_records == 2; };
  while (!spooled()) {
  }
  input_.stop();
  ::close(fd);
  input_.sink.accept_max = std::string::npos;
  input_.start("tcp", tcp_yaml());
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "2", "3"}));
}

TEST_F(SocketTest, AThousandSilentConnectionsKeepNobodyOut) {
  input_.start("tcp", tcp_yaml(", connections_max: 20"));
  std::vector<int> silent;
  for (int i = 0; i < 1000; ++i) {
    silent.push_back(testing::connect_to(port_));
    testing::send_text(silent.back(), "x");
  }
  const int good = testing::connect_to(port_);
  testing::send_text(good, "good\n");
  ASSERT_TRUE(input_.run_until([&] {
    const Lines lines = input_.sink.lines();
    return std::find(lines.begin(), lines.end(), "good") != lines.end();
  }));
  EXPECT_LE(input_.input->stats().push->connections, 20u);
  ::close(good);
  for (const int fd : silent) ::close(fd);
}

TEST_F(SocketTest, OnlyAStaleSocketIsReplaced) {
  std::filesystem::create_directories(input_.state_folder);
  std::ofstream(path_) << "precious";
  auto made = input_.make("unix", unix_yaml());
  ASSERT_TRUE(made);
  EXPECT_FALSE((*made)->prepare().empty());
  made->reset();
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
  std::filesystem::remove(path_);

  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_.c_str());
  ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(stale);
  input_.start("unix", unix_yaml());
  // Now it is alive, and a second one must leave it alone.
  made = input_.make("unix", unix_yaml());
  ASSERT_TRUE(made);
  EXPECT_FALSE((*made)->prepare().empty());
  made->reset();
  const int fd = connect_unix(path_);
  EXPECT_GE(fd, 0);
  ::close(fd);
}

TEST_F(SocketTest, OnlyAllowedUsersMaySend) {
  const auto refused = [&] {
    return input_.input->stats().push->refused[static_cast<size_t>(PushRefusal::Unauthorized)];
  };
  input_.start("unix", unix_yaml(fmt::format(", allow_users: {}", ::getuid() + 1)));
  const int stranger = connect_unix(path_);
  ASSERT_GE(stranger, 0);
  testing::send_text(stranger, "1\n");
  EXPECT_EQ(testing::read_to_end(stranger), "");  // closed by the other side
  ::close(stranger);
  EXPECT_EQ(refused(), 1u);
  input_.stop();
  input_.start("unix",
               unix_yaml(fmt::format(", allow_users: [{}, {}]", ::getuid() + 1, ::getuid())));
  const int friendly = connect_unix(path_);
  testing::send_text(friendly, "2\n");
  ::close(friendly);
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_EQ(input_.sink.lines(), Lines{"2"});
  EXPECT_EQ(refused(), 0u);
}

TEST_F(SocketTest, TlsLinesArriveAndPlainOnesDoNot) {
  std::filesystem::create_directories(input_.state_folder);
  const std::string certificate = input_.state_folder + "/cert.pem";
  const std::string key = input_.state_folder + "/key.pem";
  testing::write_certificate(certificate, key);
  const std::string tls = fmt::format(", tls: {{certificate: '{}', key: '{}'}}", certificate, key);
  input_.start("tcp", tcp_yaml(tls));

  const int plain = testing::connect_to(port_);
  testing::send_text(plain, "not TLS\n");
  testing::read_to_end(plain);
  ::close(plain);

  testing::TlsClient client(port_);
  ASSERT_TRUE(client.connected());
  client.send("1\n2\nend");
  client.shut_down();
  ASSERT_TRUE(input_.run_until_lines(3));
  EXPECT_EQ(input_.sink.lines(), (Lines{"1", "2", "end"}));
  EXPECT_FALSE(testing::TlsClient(port_, {.version_max = TLS1_1_VERSION}).connected());
}

TEST_F(SocketTest, WithAnAuthorityOnlyItsClientsMaySend) {
  std::filesystem::create_directories(input_.state_folder);
  const auto at = [&](const std::string& name) { return input_.state_folder + "/" + name; };
  testing::write_certificate(at("ca.pem"), at("ca.key"), {.authority = true});
  testing::write_certificate(at("server.pem"), at("server.key"));
  testing::write_certificate(at("client.pem"), at("client.key"),
                             {.signer = at("ca.pem"), .signer_key = at("ca.key")});
  input_.start("tcp",
               tcp_yaml(fmt::format(", tls: {{certificate: '{}', key: '{}', client_ca: '{}'}}",
                                    at("server.pem"), at("server.key"), at("ca.pem"))));
  testing::TlsClient stranger(port_);
  stranger.send("no\n");
  EXPECT_EQ(stranger.read_to_end(), "");
  testing::TlsClient client(port_, {.certificate = at("client.pem"), .key = at("client.key")});
  client.send("yes\n");
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_EQ(input_.sink.lines(), Lines{"yes"});
  EXPECT_EQ(input_.input->stats().push->refused[static_cast<size_t>(PushRefusal::Unauthorized)],
            1u);
}

TEST_F(SocketTest, WhoConnectsWhileTheInputIsReplacedIsServedByTheNext) {
  input_.start("tcp", tcp_yaml());
  input_.stop();
  const int fd = testing::connect_to(port_);
  ASSERT_GE(fd, 0);
  testing::send_text(fd, "1\n");
  input_.start("tcp", tcp_yaml(", connections_max: 7"));
  ASSERT_TRUE(input_.run_until_lines(1));
  EXPECT_EQ(input_.sink.lines(), Lines{"1"});
  ::close(fd);
}

TEST_F(SocketTest, BadOptionsAreReportedInFull) {
  const auto messages = [&](const char* type, const std::string& yaml) {
    const auto made = input_.make(type, yaml);
    EXPECT_FALSE(made) << yaml;
    std::string all;
    if (made) return all;
    for (const Diagnostic& problem : made.error()) all += problem.message + "\n";
    return all;
  };
  const std::string tcp = messages(
      "tcp", "{type: tcp, name: a, listen: x, idle_timeout: 1ms, spool_max: 1KiB, other: 1}");
  for (const char* part :
       {"'x' is not an address", "'idle_timeout' must be", "'spool_max' must be", "other"}) {
    EXPECT_THAT(tcp, HasSubstr(part));
  }
  EXPECT_THAT(messages("tcp", tcp_yaml(", tls: {certificate: /nonexistent, key: /nonexistent}")),
              HasSubstr("cannot be used as a certificate"));
  EXPECT_THAT(messages("tcp", tcp_yaml(", tls: {certificate: a}")), HasSubstr("key"));
  EXPECT_THAT(messages("unix", unix_yaml(", allow_users: [nobody-by-this-name]")),
              HasSubstr("there is no user 'nobody-by-this-name'"));
  EXPECT_THAT(messages("unix", unix_yaml(", allow_users: []")), HasSubstr("allows nobody"));
  EXPECT_THAT(
      messages("unix", fmt::format("{{type: unix, name: a, path: '{}'}}", std::string(200, 'x'))),
      HasSubstr("too long"));
  EXPECT_THAT(messages("unix", "{type: unix, name: a}"), HasSubstr("path"));
}

}  // namespace
}  // namespace picket
