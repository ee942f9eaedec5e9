// HttpClient: one HTTP(S) request after the other, each waited for; the only user of libcurl.
//
// Connections are kept from one request to the next. Certificates and names are always verified,
// TLS is 1.2 or newer, redirects are not followed: credentials go where the configuration says and
// nowhere else. An answer is handed on piece by piece and never held as a whole.
//
// Thread rule: one thread at a time; `stop` may be set by any thread and ends a request within
// about a second. Errors: told by the outcome; nothing is thrown. Tested by
// tests/daemon/http/client_test.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

struct HttpClientOptions {
  std::string user = {};  // empty: no credentials
  std::string password = {};
  std::string ca_file = {};  // empty: the system's
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{10'000};  // of everything together
};

struct HttpAsk {
  std::string_view url = {};
  std::vector<std::string> headers = {};  // "Name: value"
  std::string_view body = {};
};

// Is given an answer. Header names come in lower case.
class HttpAnswerSink {
 public:
  virtual ~HttpAnswerSink() = default;
  virtual void on_status(int status) = 0;
  virtual void on_header(std::string_view name, std::string_view value) = 0;
  // False: no more of it is wanted. May wait.
  virtual bool on_data(std::string_view bytes) = 0;
};

struct HttpOutcome {
  int status = 0;          // 0: there was no answer
  std::string error = {};  // for people; empty when the whole answer came
  // False: the answer ended with its connection, so it may have been cut off anywhere.
  bool length_known = false;
};

class HttpClient {
 public:
  HttpClient(HttpClientOptions options, const std::atomic<bool>& stop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpOutcome post(const HttpAsk& ask, HttpAnswerSink& sink);

 private:
  const HttpClientOptions options_;
  const std::atomic<bool>& stop_;
  void* curl_ = nullptr;  // CURL*
};

// Whether `url` is one that can be sent to safely and shown in an error: http or https, a host, no
// credentials, query, fragment, spaces or line breaks.
bool is_base_url(std::string_view url);

}  // namespace picket
