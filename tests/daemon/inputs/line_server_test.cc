// Connections that send lines into a spool whose disk fails when told to; nothing runs by itself.
#include "daemon/inputs/line_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "tests/daemon/inputs/spool_harness.h"
#include "tests/support/manual_clock.h"

namespace picket {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class LineServerTest : public ::testing::Test {
 protected:
  LineServerTest() {
    auto writer = SpoolWriter::open(disk_, {SpoolHarness::kFolder}, 0);
    EXPECT_TRUE(writer);
    spool_ = std::make_unique<Spool>(*std::move(writer), clock_);
  }
  ~LineServerTest() override {
    for (const int fd : clients_) {
      if (fd >= 0) ::close(fd);
    }
    if (!server_) return;
    server_->drain();
    settle();
    EXPECT_EQ(server_->connections(), 0u);
  }

  void open(LineServerOptions options = {}) {
    options.retry_after = 0ms;
    server_ = std::make_unique<LineServer>(loop_.get_executor(), *spool_, counters_, options);
  }
  // The number of a new connection.
  size_t connect() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    StreamSocket socket(loop_, boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
    server_->take(make_plain_stream(std::move(socket)));
    settle();
    clients_.push_back(ends[0]);
    return clients_.size() - 1;
  }
  void send(size_t client, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(clients_[client], text.data(), std::min(text.size(), kPiece),
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) text.remove_prefix(static_cast<size_t>(sent));
      if (sent < 0 && errno != EAGAIN) return;
      settle();
    }
  }
  void hang_up(size_t client) {
    ::close(clients_[client]);
    clients_[client] = -1;
    settle();
  }
  bool is_closed(size_t client) {
    char byte = 0;
    return ::recv(clients_[client], &byte, 1, MSG_DONTWAIT) == 0;
  }
  // Everything that can happen now happens.
  void settle() {
    for (int i = 0; i < kRounds; ++i) {
      loop_.restart();
      const size_t ran = loop_.poll();
      if (!spool_->step() && ran == 0) return;
    }
  }
  std::string spooled() {
    SpoolReader reader(disk_, SpoolHarness::kFolder, 0);
    std::string text(1 << 20, '\0');
    std::string all;
    for (;;) {
      const auto got = reader.read(spool_->end(), text);
      if (!got || *got == 0) return all;
      all += text.substr(0, *got);
    }
  }
  uint64_t refused(PushRefusal reason) const {
    return counters_.stats().refused[static_cast<size_t>(reason)];
  }

  static constexpr size_t kPiece = 100'000;
  static constexpr int kRounds = 50;  // a spool that refuses is asked again for ever

  FakeDisk disk_;
  ManualClock clock_;
  PushCounters counters_;
  boost::asio::io_context loop_{1};
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<LineServer> server_;
  std::vector<int> clients_;
};

TEST_F(LineServerTest, LinesOfAllConnectionsAreSpooledWhole) {
  open();
  const size_t a = connect();
  const size_t b = connect();
  send(a, "a1\na");
  send(b, "b1\n");
  send(a, "2\n");
  EXPECT_EQ(spooled(), "a1\nb1\na2\n");
  EXPECT_EQ(server_->connections(), 2u);
}

TEST_F(LineServerTest, TheLastLineNeedsNoNewlineIfTheSenderEndsIt) {
  open();
  const size_t a = connect();
  send(a, "1\nlast");
  EXPECT_EQ(spooled(), "1\n");
  hang_up(a);
  EXPECT_EQ(spooled(), "1\nlast\n");
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(LineServerTest, LongLinesKeepTheirLengthAndTheirNeighbours) {
  open({.max_line = 1000});
  const size_t a = connect();
  send(a, "1\n" + std::string(500'000, 'x') + "\n2\n" + std::string(1000, 'y') + "\n");
  EXPECT_EQ(spooled(),
            "1\n" + std::string(64 << 10, 'x') + "\n2\n" + std::string(1000, 'y') + "\n");
  SpoolReader reader(disk_, SpoolHarness::kFolder, 2);
  char byte = 0;
  ASSERT_EQ(reader.read(spool_->end(), {&byte, 1}), size_t{1});
  EXPECT_EQ(reader.head().kind, RecordKind::OversizeLine);
  EXPECT_EQ(reader.head().line_length, 500'000u);
}

TEST_F(LineServerTest, AFailingDiskCostsNothing) {
  open();
  const size_t a = connect();
  send(a, "1\n");
  disk_.faults.space_left = 0;
  send(a, "2\n3\n");
  EXPECT_EQ(spooled(), "1\n");
  EXPECT_GT(refused(PushRefusal::DiskError), 0u);
  disk_.faults = {};
  settle();
  send(a, "4\n");
  EXPECT_EQ(spooled(), "1\n2\n3\n4\n");
  const PushStats stats = counters_.stats();
  EXPECT_EQ(stats.requests - refused(PushRefusal::DiskError), 3u);
}

TEST_F(LineServerTest, TheMostSilentGivesWayToANewOne) {
  open({.connections_max = 3});
  for (int i = 0; i < 3; ++i) connect();
  send(0, "0\n");
  connect();
  EXPECT_TRUE(is_closed(1));
  for (const size_t open : {0, 2, 3}) EXPECT_FALSE(is_closed(open)) << open;
  EXPECT_EQ(server_->connections(), 3u);
  for (int i = 0; i < 1000; ++i) connect();
  EXPECT_EQ(server_->connections(), 3u);
  send(clients_.size() - 1, "good\n");
  EXPECT_EQ(spooled(), "0\ngood\n");
}

TEST_F(LineServerTest, UnfinishedLinesTogetherAreBounded) {
  open({.held_bytes_max = 1 << 20});
  for (int i = 0; i < 3; ++i) connect();
  send(0, std::string(500'000, 'x'));
  send(1, std::string(400'000, 'y'));
  EXPECT_FALSE(is_closed(0));
  send(2, std::string(300'000, 'z'));
  EXPECT_TRUE(is_closed(0));
  EXPECT_FALSE(is_closed(1));
  EXPECT_EQ(refused(PushRefusal::Busy), 1u);
  send(2, "\n");
  send(1, "\n");
  EXPECT_EQ(spooled(), std::string(300'000, 'z') + "\n" + std::string(400'000, 'y') + "\n");
  // One alone may not have more than all.
  send(1, std::string(1'500'000, 'y'));
  EXPECT_TRUE(is_closed(1));
}

TEST_F(LineServerTest, DrainingClosesAllAndKeepsNoPieces) {
  open();
  const size_t a = connect();
  send(a, "1\npiece");
  server_->drain();
  settle();
  EXPECT_TRUE(is_closed(a));
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_EQ(spooled(), "1\n");
  connect();
  EXPECT_EQ(server_->connections(), 0u);
}

}  // namespace
}  // namespace picket
