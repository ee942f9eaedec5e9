// HttpReceiver: a receiver of HTTP posts on loopback that can refuse, hang and answer what it is
// told. http_exchange: one raw request and its whole answer.
//
// Thread rule: all calls from any thread; the receiver runs a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace picket::testing {

class HttpReceiver {
 public:
  HttpReceiver();
  ~HttpReceiver();
  HttpReceiver(const HttpReceiver&) = delete;
  HttpReceiver& operator=(const HttpReceiver&) = delete;

  uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void answer_with(int status) { status_ = status; }
  // Takes requests and never answers them.
  void hang(bool on) { hang_ = on; }

  // Heads and bodies in order of arrival.
  std::vector<std::string> heads() const;
  std::vector<std::string> bodies() const;
  // False when fewer than `count` requests came within `patience`.
  bool wait_for(size_t count, std::chrono::milliseconds patience = std::chrono::seconds(5)) const;

 private:
  void run();
  void serve(int fd);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> status_ = 200;
  std::atomic<bool> hang_ = false;
  std::atomic<bool> closing_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::vector<std::string> bodies_;
  std::vector<int> kept_;  // connections left without an answer
  std::thread thread_;
};

// A connection to a loopback port; -1 on failure. Reads end after five seconds.
int connect_to(uint16_t port);
void send_text(int fd, std::string_view text);
// What the other side sends until it closes the connection.
std::string read_to_end(int fd);
std::string http_exchange(uint16_t port, std::string_view request);

}  // namespace picket::testing
