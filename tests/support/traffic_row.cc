#include "tests/support/traffic_row.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rules/types.h"

namespace picket {
namespace {

// What to write behind the backslash; 0: the byte goes out as it is. Control bytes other than
// newline do not occur in generated rows and are written as spaces.
constexpr std::array<char, 256> escapes(bool slash) {
  std::array<char, 256> table{};
  table[static_cast<uint8_t>('"')] = '"';
  table[static_cast<uint8_t>('\\')] = '\\';
  table[static_cast<uint8_t>('\n')] = 'n';
  table[static_cast<uint8_t>('\t')] = 't';
  if (slash) table[static_cast<uint8_t>('/')] = '/';
  return table;
}
constexpr auto kPlainEscapes = escapes(false);
constexpr auto kSlashEscapes = escapes(true);

void append_number(int64_t number, std::string& out) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

// Writes the columns of one row in table order.
class RowWriter {
 public:
  RowWriter(RowStyle style, std::string& out) : style_(style), out_(out) {}

  void string(std::string_view key_part, std::string_view value) {
    out_.append(key_part);
    append_escaped(value, style_, out_);
  }
  void wide_integer(std::string_view key_part, int64_t value) {
    out_.append(key_part);
    if (style_ == RowStyle::Pre258) out_.push_back('"');
    append_number(value, out_);
    if (style_ == RowStyle::Pre258) out_.push_back('"');
  }
  void integer(std::string_view key_part, int64_t value) {
    out_.append(key_part);
    append_number(value, out_);
  }
  void raw(std::string_view text) { out_.append(text); }

 private:
  RowStyle style_;
  std::string& out_;
};

void append_answer(const Request& request, std::string& out) {
  const RowRefusal& refusal = request.refusal;
  if (!request.refused) {
    out.append("{\"data\":").append(request.data);
  } else {
    out.append("{\"error\":{\"detail\":\"");
    append_escaped(refusal.detail, RowStyle::Plain, out);
    if (!refusal.validation.empty()) out.append("\",\"errors\":").append(refusal.validation);
    out.append(refusal.validation.empty() ? "\",\"status\":" : ",\"status\":");
    append_number(refusal.status, out);
    out.append(",\"title\":\"").append(refusal.title);
    out.append("\",\"type\":\"https://unkey.com/docs/errors/").append(refusal.type).append("\"}");
  }
  out.append(",\"meta\":{\"requestId\":\"").append(request.request_id).append("\"}}");
}

void append_rate_limit_headers(const RowRefusal& refusal, RowWriter& row) {
  if (!refusal.retry_after_s) return;
  row.integer(",\"RateLimit-Limit: 100\",\"RateLimit-Remaining: 0\",\"RateLimit-Reset: ",
              refusal.retry_after_s);
  row.integer("\",\"Retry-After: ", refusal.retry_after_s);
  row.raw("\"");
}

}  // namespace

void Request::clear() {
  client = nullptr;
  request_id.clear();
  workspace_id = {};
  request_body.clear();
  data.clear();
  refused = false;
  refusal.detail.clear();
  refusal.internal.clear();
  refusal.validation.clear();
  refusal.retry_after_s = 0;
  latency_ms = 3;
  filler_bytes = 0;
}

void append_escaped(std::string_view text, RowStyle style, std::string& out) {
  const auto& table = style == RowStyle::Plain ? kPlainEscapes : kSlashEscapes;
  const size_t start = out.size();
  out.resize(start + text.size() * 2);  // room for the worst case, cut back below
  char* to = out.data() + start;
  for (const char c : text) {
    const char escape = table[static_cast<uint8_t>(c)];
    if (escape) {
      *to++ = '\\';
      *to++ = escape;
    } else {
      *to++ = static_cast<uint8_t>(c) < 0x20 ? ' ' : c;
    }
  }
  out.resize(static_cast<size_t>(to - out.data()));
}

void append_row(const Request& request, RowStyle style, std::string& scratch, std::string& out) {
  RowWriter row(style, out);
  const Client& client = *request.client;
  row.string("{\"request_id\":\"", request.request_id);
  row.wide_integer("\",\"time\":", to_ms(request.time));
  row.string(",\"workspace_id\":\"", request.workspace_id);
  row.raw("\",\"host\":\"api.unkey.com\",\"method\":\"POST\"");
  row.string(",\"path\":\"", "/v2/");
  row.string("", request.operation);
  row.raw("\",\"query_string\":\"\",\"query_params\":{}");
  row.string(",\"request_headers\":[\"Accept: ", client.accept);
  row.raw("\",\"Authorization: [REDACTED]\",");
  row.string("\"", "Content-Type: application/json");
  row.string("\",\"User-Agent: ", client.user_agent);
  row.string("\"],\"request_body\":\"", request.request_body);
  row.integer("\",\"response_status\":", request.refused ? request.refusal.status : 200);
  row.string(",\"response_headers\":[\"", "Content-Type: application/json");
  row.raw("\"");
  if (request.refused) append_rate_limit_headers(request.refusal, row);
  scratch.clear();
  append_answer(request, scratch);
  row.string("],\"response_body\":\"", scratch);
  row.string("\",\"error\":\"", request.refused ? request.refusal.internal : std::string_view());
  row.wide_integer("\",\"service_latency\":", request.latency_ms);
  row.string(",\"user_agent\":\"", client.user_agent);
  row.string("\",\"ip_address\":\"", client.ip_address);
  row.string("\",\"region\":\"", client.region);
  row.raw("\"}\n");
}

}  // namespace picket
