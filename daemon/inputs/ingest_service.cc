#include "daemon/inputs/ingest_service.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/failpoint.h"
#include "daemon/inputs/spool_wait.h"

namespace picket {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kLinesPath = "/ingest/";
constexpr std::string_view kOtlpPath = "/v1/logs";
constexpr std::string_view kBearer = "bearer ";

char lower(char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::ranges::equal(text.substr(0, prefix.size()), prefix, {}, lower);
}

// Hashing first makes the time independent of where two texts differ, and of their lengths.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest_a;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest_b;
  SHA256(reinterpret_cast<const unsigned char*>(a.data()), a.size(), digest_a.data());
  SHA256(reinterpret_cast<const unsigned char*>(b.data()), b.size(), digest_b.data());
  return CRYPTO_memcmp(digest_a.data(), digest_b.data(), digest_a.size()) == 0;
}

// "application/json; charset=utf-8" is JSON too.
bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type.size() == 16 && starts_with_ignoring_case(type, "application/json");
}

int retry_after(SpoolVerdict verdict) {
  switch (verdict) {
    case SpoolVerdict::Full:
      return 10;
    case SpoolVerdict::DiskError:
      return 5;
    default:
      return 1;
  }
}

}  // namespace

IngestService::Route IngestService::route_of(std::string_view path) const {
  if (path == kOtlpPath) return options_.otlp ? Route::Otlp : Route::None;
  if (!path.starts_with(kLinesPath)) return Route::None;
  return decode_percent(path.substr(kLinesPath.size())) == options_.source ? Route::Lines
                                                                           : Route::None;
}

bool IngestService::may_send(const HttpRequest& head) const {
  if (options_.token.empty()) return true;
  std::string_view given = head.header("authorization");
  if (!starts_with_ignoring_case(given, kBearer)) return false;
  given.remove_prefix(kBearer.size());
  return equal_in_constant_time(given, options_.token);
}

HttpResponse IngestService::refuse(int status, PushRefusal reason, std::string_view message) {
  counters_.refused(reason);
  return http_error(status, message);
}

std::optional<HttpResponse> IngestService::admit(const HttpRequest& head) {
  const Route route = route_of(head.path);
  std::optional<HttpResponse> refused;
  if (!may_send(head)) {
    refused = refuse(401, PushRefusal::Unauthorized, "a bearer token is needed");
    refused->headers.emplace_back("WWW-Authenticate", "Bearer");
  } else if (route == Route::None) {
    refused = refuse(404, PushRefusal::NotFound, "no such source");
  } else if (head.method != "POST") {
    refused = refuse(405, PushRefusal::Method, "method not allowed");
    refused->headers.emplace_back("Allow", "POST");
  } else if (!parse_body_encoding(head.header("content-encoding"))) {
    refused = refuse(415, PushRefusal::MediaType, "the encoding is not supported");
    refused->headers.emplace_back("Accept-Encoding", "gzip, zstd");
  } else if (route == Route::Otlp && !is_json(head.header("content-type"))) {
    refused = refuse(415, PushRefusal::MediaType, "only application/json is supported");
  }
  if (refused) counters_.request();
  return refused;
}

asio::awaitable<HttpResponse> IngestService::answer(HttpRequest request) {
  counters_.request();
  if (request.body.size() > options_.body_max) {
    co_return refuse(413, PushRefusal::TooLarge, "request body too large");
  }
  const Route route = route_of(request.path);
  const BodyEncoding encoding =
      parse_body_encoding(request.header("content-encoding")).value_or(BodyEncoding::Identity);
  SpoolItem item;
  switch (unpack_body(encoding, request.body, options_.limits, item.bytes)) {
    case UnpackState::Malformed:
      co_return refuse(400, PushRefusal::Malformed, "the body cannot be unpacked");
    case UnpackState::TooLarge:
      co_return refuse(413, PushRefusal::TooLarge, "the unpacked body is too large");
    case UnpackState::Good:
      break;
  }
  request = {};
  if (route == Route::Otlp) {
    make_one_line(item.bytes);
    if (item.bytes.empty()) co_return refuse(400, PushRefusal::Malformed, "the body is empty");
  } else {
    make_lines(item.bytes);
  }
  if (item.bytes.empty()) co_return verdict_response(SpoolVerdict::Durable, route, 0);
  const auto lines = static_cast<uint64_t>(std::ranges::count(item.bytes, '\n'));
  const SpoolVerdict verdict = co_await submit_and_wait(spool_, std::move(item), executor_);
  failpoint(Failpoint::PushAnswer);
  co_return verdict_response(verdict, route, lines);
}

HttpResponse IngestService::verdict_response(SpoolVerdict verdict, Route route, uint64_t lines) {
  HttpResponse response;
  switch (verdict) {
    case SpoolVerdict::Durable:
      return {.content_type = "application/json",
              .body = route == Route::Otlp ? "{}\n" : fmt::format("{{\"lines\":{}}}\n", lines)};
    case SpoolVerdict::Full:
      response = refuse(503, PushRefusal::SpoolFull, "the spool is full");
      break;
    case SpoolVerdict::DiskError:
      response = refuse(503, PushRefusal::DiskError, "the spool cannot be written");
      break;
    case SpoolVerdict::Busy:
      response = refuse(503, PushRefusal::Busy, "too much waits to be written");
      break;
  }
  response.headers.emplace_back("Retry-After", std::to_string(retry_after(verdict)));
  return response;
}

void IngestService::turned_away(int status) {
  // An exception is one of a request that answer() has counted.
  if (status != 500) counters_.request();
  switch (status) {
    case 413:
    case 431:
      return counters_.refused(PushRefusal::TooLarge);
    case 503:
      return counters_.refused(PushRefusal::Busy);
    case 401:
      return counters_.refused(PushRefusal::Unauthorized);
    case 400:
      return counters_.refused(PushRefusal::Malformed);
    default:
      return counters_.refused(PushRefusal::Interrupted);
  }
}

}  // namespace picket
