#include "daemon/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace picket {
namespace {

// A service manager's socket, in the abstract namespace so that nothing is left on the disk.
class FakeManager {
 public:
  FakeManager() {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const timeval patience{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const std::string name = "@picket-notify-test-" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    address.sun_path[0] = '\0';
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
              0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~FakeManager() {
    unsetenv("NOTIFY_SOCKET");
    close(fd_);
  }
  std::string next() const {
    char buffer[1024];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    return n < 0 ? "" : std::string(buffer, static_cast<size_t>(n));
  }

 private:
  int fd_ = -1;
};

TEST(Notify, SpeaksTheProtocol) {
  const FakeManager manager;
  notify_ready("watching 3 files");
  EXPECT_EQ(manager.next(), "READY=1\nSTATUS=watching 3 files");
  notify_reloading();
  const std::string reloading = manager.next();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  EXPECT_GT(std::stoull(reloading.substr(27)), 0U);
  notify_status("a\nREADY=1");
  EXPECT_EQ(manager.next(), "STATUS=a\\u000aREADY=1");
  notify_watchdog();
  EXPECT_EQ(manager.next(), "WATCHDOG=1");
  notify_extend_timeout(std::chrono::seconds(5));
  EXPECT_EQ(manager.next(), "EXTEND_TIMEOUT_USEC=5000000");
  notify_stopping("draining");
  EXPECT_EQ(manager.next(), "STOPPING=1\nSTATUS=draining");
}

TEST(Notify, DoesNothingWithoutAManager) {
  unsetenv("NOTIFY_SOCKET");
  notify_ready("x");
  notify_watchdog();
  unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(watchdog_interval(), std::nullopt);
}

TEST(Notify, KnowsTheWatchdogInterval) {
  setenv("WATCHDOG_USEC", "30000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(30));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval(), std::nullopt);
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace picket
