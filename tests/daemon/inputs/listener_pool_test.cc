// Ports and sockets that stay open while their users change.
#include "daemon/inputs/listener_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/inputs/http_listener.h"
#include "daemon/inputs/listen_socket.h"
#include "tests/support/http_receiver.h"
#include "tests/support/sockets.h"

namespace picket {
namespace {

using testing::connect_to;
using testing::connect_unix;
using ::testing::HasSubstr;

bool is_open(uint16_t port) {
  const int fd = connect_to(port);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

class ListenerPoolTest : public ::testing::Test {
 protected:
  ListenAddress address(std::string host = "127.0.0.1") const { return {std::move(host), port_}; }

  const uint16_t port_ = testing::free_port();
  ListenerPool pool_;
};

TEST_F(ListenerPoolTest, APortStaysOpenWhileItsUserIsReplaced) {
  auto first = pool_.tcp(address());
  ASSERT_TRUE(first);
  pool_.settle();
  pool_.hold();
  first->reset();
  // Nobody accepts, but nobody is refused either.
  const int waiting = connect_to(port_);
  ASSERT_GE(waiting, 0);
  auto second = pool_.tcp(address());
  ASSERT_TRUE(second);
  pool_.settle();
  const int listening = (*second)->socket().duplicate();
  const int accepted = ::accept(listening, nullptr, nullptr);
  EXPECT_GE(accepted, 0) << "who came in between is there";
  for (const int fd : {waiting, listening, accepted}) ::close(fd);
  pool_.hold();
  second->reset();
  EXPECT_TRUE(is_open(port_));
  pool_.settle();
  EXPECT_FALSE(is_open(port_));
}

TEST_F(ListenerPoolTest, OnlyHttpIsShared) {
  auto tcp = pool_.tcp(address());
  ASSERT_TRUE(tcp);
  for (const auto& other : {pool_.tcp(address()), pool_.http(address())}) {
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().at(0).message, HasSubstr("another input does"));
  }
  tcp->reset();
  auto one = pool_.http(address());
  auto two = pool_.http(address());
  ASSERT_TRUE(one && two);
  EXPECT_EQ(&(*one)->http(), &(*two)->http());
  EXPECT_EQ((*one)->http().port(), port_);
  EXPECT_FALSE(pool_.tcp(address()));
}

TEST_F(ListenerPoolTest, WhatIsNotNeededAnyMoreStandsInNobodysWay) {
  auto any = pool_.tcp(address("0.0.0.0"));
  ASSERT_TRUE(any);
  EXPECT_FALSE(pool_.tcp(address()));
  any->reset();
  auto own = pool_.tcp(address());
  ASSERT_TRUE(own);
  own->reset();
  EXPECT_TRUE(pool_.http(address())) << "another type at the same place";
}

TEST_F(ListenerPoolTest, WhoAsksForAnyPortGetsItsOwn) {
  auto one = pool_.http({.port = 0});
  auto two = pool_.http({.port = 0});
  ASSERT_TRUE(one && two);
  EXPECT_NE((*one)->http().port(), (*two)->http().port());
}

TEST_F(ListenerPoolTest, AUnixSocketStaysAndIsRemovedInTheEnd) {
  const std::string path = ::testing::TempDir() + "picket_pool_" + std::to_string(::getpid());
  auto first = pool_.unix_socket(path);
  ASSERT_TRUE(first);
  struct stat before {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  EXPECT_EQ(before.st_mode & 0777, 0660u);
  ListenerPool other;
  EXPECT_FALSE(other.unix_socket(path)) << "it is alive";
  first->reset();
  const int waiting = connect_unix(path);
  EXPECT_GE(waiting, 0);
  ::close(waiting);
  auto second = pool_.unix_socket(path);
  ASSERT_TRUE(second);
  pool_.settle();
  struct stat after {};
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  second->reset();
  pool_.settle();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ListenerPoolTest, AUnixSocketThatSomebodyRemovedIsMadeAnew) {
  const std::string path = ::testing::TempDir() + "picket_pool_" + std::to_string(::getpid());
  auto first = pool_.unix_socket(path);
  ASSERT_TRUE(first);
  std::filesystem::remove(path);
  first->reset();
  auto second = pool_.unix_socket(path);
  ASSERT_TRUE(second);
  const int fd = connect_unix(path);
  EXPECT_GE(fd, 0);
  ::close(fd);
  // What another program has put there in the meantime is not ours to remove.
  std::filesystem::remove(path);
  ListenerPool other;
  const auto theirs = other.unix_socket(path);
  ASSERT_TRUE(theirs);
  second->reset();
  pool_.settle();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenerPoolTest, ATakenPortIsAnError) {
  ListenerPool other;
  const auto theirs = other.tcp(address());
  ASSERT_TRUE(theirs);
  EXPECT_THAT(pool_.tcp(address()).error().at(0).message, HasSubstr("cannot listen on 127.0.0.1"));
  EXPECT_THAT(pool_.http(address()).error().at(0).message, HasSubstr("cannot listen on 127.0.0.1"));
}

}  // namespace
}  // namespace picket
