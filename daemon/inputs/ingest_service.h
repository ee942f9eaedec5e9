// IngestService: what one `http` input answers: NDJSON for its source, and OTLP/HTTP logs as JSON.
// Which input a request is for is the business of IngestRouter.
//
//   POST /ingest/NAME   200 {"lines":N} once the N lines are durable
//   POST /v1/logs       200 {} likewise, if the input takes OTLP
//
// | status | because |
// |---|---|
// | 400 | the body does not unpack, or is no document at all (/v1/logs) |
// | 401 | a token is configured and the request does not have it |
// | 404, 405 | another path, another source; another method (with Allow) |
// | 413 | the body is too large, packed or unpacked |
// | 415 | an encoding other than gzip and zstd; /v1/logs: another type than application/json |
// | 503 | the spool is full or cannot be written, or too much waits; with Retry-After |
//
// Everything that the header gives away is refused before the body is read. What is inside the
// lines is not looked at: a line that is no event becomes a dead letter, as in a file.
//
// Thread rule: the receiving thread. Invariant: every request is counted once, and a refusal once.
// Tested by tests/daemon/inputs/ingest_service_test.cc.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "daemon/http/server.h"
#include "daemon/inputs/ingest_body.h"
#include "daemon/inputs/push_counters.h"
#include "daemon/inputs/spool.h"

namespace picket {

struct IngestOptions {
  std::string source = {};  // the NAME above
  std::string token = {};   // empty: everybody may send
  UnpackLimits limits = {};
  uint64_t body_max = 8 << 20;  // as sent
  bool otlp = true;
};

class IngestService {
 public:
  // `spool` and `counters` outlive the service.
  IngestService(IngestOptions options, Spool& spool, PushCounters& counters,
                boost::asio::any_io_executor executor)
      : options_(std::move(options)), spool_(spool), counters_(counters), executor_(executor) {}

  const std::string& source() const { return options_.source; }
  uint64_t body_max() const { return options_.body_max; }
  // Whether a path is one of this input.
  bool takes(std::string_view path) const { return route_of(path) != Route::None; }

  // As those of HttpService. A request may be asked about twice.
  std::optional<HttpResponse> admit(const HttpRequest& head);
  boost::asio::awaitable<HttpResponse> answer(HttpRequest request);
  void turned_away(int status);

 private:
  enum class Route : uint8_t { Lines, Otlp, None };

  Route route_of(std::string_view path) const;
  bool may_send(const HttpRequest& head) const;
  HttpResponse refuse(int status, PushRefusal reason, std::string_view message);
  HttpResponse verdict_response(SpoolVerdict verdict, Route route, uint64_t lines);

  const IngestOptions options_;
  Spool& spool_;
  PushCounters& counters_;
  boost::asio::any_io_executor executor_;
};

}  // namespace picket
