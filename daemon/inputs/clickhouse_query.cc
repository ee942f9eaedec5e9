#include "daemon/inputs/clickhouse_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "config/settings.h"
#include "daemon/http/client.h"
#include "daemon/inputs/secret_file.h"

namespace picket {
namespace {

constexpr int64_t kPageMost = 1'000'000;
constexpr Duration kEveryLeast{10};

// In these picket's reading of an answer would be wrong otherwise, or an answer cut short would
// look like a whole one.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSettings = {{
    {"output_format_json_quote_64bit_integers", "0"},
    {"output_format_json_escape_forward_slashes", "0"},
    {"date_time_output_format", "iso"},
    {"enable_http_compression", "1"},
    {"timeout_overflow_mode", "throw"},
    {"read_overflow_mode", "throw"},
    {"result_overflow_mode", "throw"},
}};

bool is_word(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') && std::ranges::all_of(text, fits);
}

std::string encode_percent(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = is_word(std::string_view(&c, 1)) || (c >= '0' && c <= '9') || c == '-';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

// Reads one input's keys, and says what is wrong at the key that it is wrong in.
class Parser {
 public:
  explicit Parser(const Node& node)
      : node_(node), reader_(node, "clickhouse input", diagnostics_) {}

  Result<ClickhouseOptions> parse() {
    for (const char* common : kCommonInputKeys) reader_.optional(common);
    parse_server();
    parse_query();
    parse_times();
    parse_settings();
    reader_.finish();
    if (has_errors(diagnostics_)) return std::unexpected(std::move(diagnostics_));
    return std::move(options_);
  }

 private:
  void problem(const char* key, std::string message, std::string hint = {}) {
    const Node* at = node_.find(key);
    diagnostics_.push_back({(at ? at : &node_)->where(), std::move(message), std::move(hint)});
  }

  void parse_server() {
    options_.url = reader_.required_string("url");
    if (!options_.url.empty() && !is_base_url(options_.url)) {
      problem(
          "url", "this is not a usable URL",
          "write http://host:port or https://host:port; user and password have keys of their own");
    }
    options_.user = reader_.string("user", "");
    options_.ca_file = reader_.string("ca_file", "");
    options_.database = reader_.string("database", "");
    if (const Node* file = reader_.optional("password_file")) {
      options_.password = read_secret(*file, diagnostics_);
      if (options_.user.empty()) problem("password_file", "a password needs a 'user'");
    }
    if (!options_.ca_file.empty() && options_.url.starts_with("http://")) {
      problem("ca_file", "'ca_file' is of no use with an http URL");
    }
  }

  void parse_query() {
    options_.query = reader_.required_string("query");
    if (options_.query.find(';') != options_.query.npos) {
      problem("query", "the query must be one SELECT, without ';'");
    }
    options_.cursor = reader_.required_string("cursor");
    if (!options_.cursor.empty() && !is_word(options_.cursor)) {
      problem("cursor", fmt::format("'{}' is not the name of a column", options_.cursor));
    }
    options_.unit = reader_.string("unit", options_.unit);
    constexpr std::array<std::string_view, 4> kUnits = {"s", "ms", "us", "ns"};
    if (std::ranges::find(kUnits, options_.unit) == kUnits.end()) {
      problem("unit", fmt::format("there is no unit '{}'", options_.unit),
              "there are: s, ms, us, ns");
    }
    options_.page = static_cast<uint64_t>(
        reader_.integer("page", static_cast<int64_t>(options_.page), 1, kPageMost));
  }

  void parse_times() {
    const std::string start = reader_.string("start", "end");
    if (start == "beginning") {
      options_.back.reset();
    } else if (start != "end") {
      options_.back = reader_.duration("start", Duration(0));
    }
    options_.every = reader_.duration("every", options_.every);
    if (options_.every < kEveryLeast) problem("every", "'every' must be at least 10ms");
    options_.delay = reader_.duration("delay", options_.delay);
    options_.timeout = reader_.duration("timeout", options_.timeout);
    if (options_.timeout < kEveryLeast) problem("timeout", "'timeout' must be at least 10ms");
  }

  void parse_settings() {
    const Node* settings = reader_.optional("settings");
    if (settings && !settings->is_map()) problem("settings", "'settings' must be a map");
    if (!settings) return;
    for (const auto& [key, value] : settings->entries()) {
      const bool ours =
          std::ranges::find(kSettings, key.text(), &decltype(kSettings)::value_type::first) !=
              kSettings.end() ||
          key.text().starts_with("param_") || key.text() == "database" || key.text() == "query";
      if (ours || !is_word(key.text())) {
        diagnostics_.push_back({key.where(), fmt::format("'{}' cannot be set here", key.text())});
      }
      if (auto text = read_string(value, diagnostics_)) {
        options_.settings.emplace_back(key.text(), *std::move(text));
      }
    }
  }

  const Node& node_;
  Diagnostics diagnostics_ = {};
  MapReader reader_;
  ClickhouseOptions options_ = {};
};

}  // namespace

Result<ClickhouseOptions> parse_clickhouse(const Node& node) { return Parser(node).parse(); }

int64_t cursor_at(const ClickhouseOptions& options, Timestamp time) {
  const int64_t ms = to_ms(time);
  if (options.unit == "s") return ms / 1'000;
  if (options.unit == "us") return ms * 1'000;
  if (options.unit == "ns") return ms * 1'000'000;
  return ms;
}

std::string request_url(const ClickhouseOptions& options, int64_t cursor, int64_t until) {
  std::string url = options.url;
  while (url.ends_with('/')) url.pop_back();
  url += fmt::format("/?param_cursor={}&param_until={}", cursor, until);
  if (!options.database.empty()) url += "&database=" + encode_percent(options.database);
  for (const auto& [name, value] : kSettings) url += fmt::format("&{}={}", name, value);
  bool limited = false;
  for (const auto& [name, value] : options.settings) {
    url += fmt::format("&{}={}", name, encode_percent(value));
    limited |= name == "max_execution_time";
  }
  // The server should not go on with what nobody waits for any more.
  if (!limited)
    url += fmt::format("&max_execution_time={}", (options.timeout.count() + 999) / 1'000);
  return url;
}

std::string page_query(const ClickhouseOptions& options, uint64_t rows_max) {
  return fmt::format(
      "SELECT * FROM (\n{0}\n) WHERE `{1}` >= {{cursor:Int64}} AND `{1}` < {{until:Int64}} "
      "ORDER BY `{1}` LIMIT {2} FORMAT JSONEachRow",
      options.query, options.cursor, rows_max);
}

}  // namespace picket
