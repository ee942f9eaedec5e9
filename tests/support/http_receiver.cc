#include "tests/support/http_receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

namespace picket::testing {
namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

size_t content_length(std::string head) {
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
  const size_t at = head.find("content-length:");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 15));
}

}  // namespace

HttpReceiver::HttpReceiver() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener_, 64) != 0) {
    return;
  }
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

HttpReceiver::~HttpReceiver() {
  closing_ = true;
  if (thread_.joinable()) thread_.join();
  for (const int fd : kept_) close(fd);
  close(listener_);
}

void HttpReceiver::run() {
  while (!closing_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd >= 0) serve(fd);
  }
}

void HttpReceiver::serve(int fd) {
  std::string text;
  size_t body_at = std::string::npos;
  char buffer[65536];
  while (body_at == std::string::npos ||
         text.size() < body_at + content_length(text.substr(0, body_at))) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
    const size_t end = text.find("\r\n\r\n");
    if (end != std::string::npos) body_at = end + 4;
  }
  if (body_at != std::string::npos) {
    const std::lock_guard lock(mutex_);
    heads_.push_back(text.substr(0, body_at));
    bodies_.push_back(text.substr(body_at));
  }
  if (hang_) {
    kept_.push_back(fd);
    return;
  }
  send_text(fd, "HTTP/1.1 " + std::to_string(status_) +
                    " Answer\r\nConnection: close\r\nContent-Length: 6\r\n\r\nanswer");
  close(fd);
}

std::vector<std::string> HttpReceiver::heads() const {
  const std::lock_guard lock(mutex_);
  return heads_;
}

std::vector<std::string> HttpReceiver::bodies() const {
  const std::lock_guard lock(mutex_);
  return bodies_;
}

bool HttpReceiver::wait_for(size_t count, std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (bodies().size() < count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

int connect_to(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

void send_text(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string read_to_end(int fd) {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

std::string http_exchange(uint16_t port, std::string_view request) {
  const int fd = connect_to(port);
  if (fd < 0) return {};
  send_text(fd, request);
  std::string answer = read_to_end(fd);
  close(fd);
  return answer;
}

}  // namespace picket::testing
