// What benchmarks and end-to-end tests rely on in Traffic: repeatable bytes, valid rows with the
// columns in table order, bounded disorder, the wanted row size, and actors that do what they say.
#include "tests/support/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/types.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

// Accepts exactly one JSON value; small because rows are the only thing it sees.
class JsonChecker {
 public:
  explicit JsonChecker(std::string_view text) : text_(text) {}
  bool valid() { return value() && at_ == text_.size(); }
  const std::vector<std::string>& keys() const { return keys_; }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool string(std::string* copy = nullptr) {
    if (!take('"')) return false;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return false;
      if (text_[at_] == '\\' &&
          std::string_view("\"\\/bfnrt").find(text_[++at_]) == std::string_view::npos) {
        return false;
      }
      if (copy) copy->push_back(text_[at_]);
      ++at_;
    }
    return take('"');
  }
  bool list(char close, bool named) {
    ++depth_;
    if (take(close)) return --depth_, true;
    do {
      std::string key;
      if (named && !(string(&key) && take(':'))) return false;
      if (named && depth_ == 1) keys_.push_back(key);
      if (!value()) return false;
    } while (take(','));
    --depth_;
    return take(close);
  }
  bool value() {
    if (take('{')) return list('}', true);
    if (take('[')) return list(']', false);
    if (at_ < text_.size() && text_[at_] == '"') return string();
    const size_t start = at_;
    while (at_ < text_.size() &&
           std::string_view("-+.0123456789aeflnrstuE").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
    return at_ > start;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  std::vector<std::string> keys_;
};

const std::vector<std::string> kColumns = {
    "request_id",      "time",         "workspace_id",    "host",
    "method",          "path",         "query_string",    "query_params",
    "request_headers", "request_body", "response_status", "response_headers",
    "response_body",   "error",        "service_latency", "user_agent",
    "ip_address",      "region"};

std::vector<std::string> rows(TrafficOptions options, int count) {
  Traffic traffic(std::move(options));
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i) {
    traffic.next(result.emplace_back());
    result.back().pop_back();  // the newline
  }
  return result;
}

// The text of a column, as it stands in the row.
std::string column(const std::string& row, const std::string& name) {
  const std::string mark = "\"" + name + "\":";
  size_t start = row.find(mark) + mark.size();
  const bool quoted = row[start] == '"';
  start += quoted ? 1 : 0;
  size_t end = start;
  const std::string_view ends = quoted ? "\"" : ",}";
  while (ends.find(row[end]) == std::string_view::npos) end += row[end] == '\\' ? 2 : 1;
  return row.substr(start, end - start);
}

TEST(Traffic, EqualSeedsGiveEqualRows) {
  TrafficOptions options;
  EXPECT_EQ(rows(options, 500), rows(options, 500));
  TrafficOptions other;
  other.seed = 2;
  EXPECT_NE(rows(options, 500), rows(other, 500));
}

TEST(Traffic, RowsAreJsonWithColumnsInTableOrder) {
  for (const RowStyle style : {RowStyle::Plain, RowStyle::Pre258}) {
    TrafficOptions options;
    options.style = style;
    for (const std::string& row : rows(options, 3000)) {
      JsonChecker checker(row);
      ASSERT_TRUE(checker.valid()) << row;
      ASSERT_EQ(checker.keys(), kColumns) << row;
    }
  }
}

TEST(Traffic, OldRenderingQuotesWideIntegersAndEscapesSlashes) {
  TrafficOptions options;
  options.style = RowStyle::Pre258;
  const std::string row = rows(options, 1)[0];
  EXPECT_NE(row.find("\"time\":\"1787322356000\""), std::string::npos) << row;
  EXPECT_NE(row.find("\"path\":\"\\/v2\\/"), std::string::npos) << row;
  EXPECT_NE(row.find("\"response_status\":200"), std::string::npos) << row;
  EXPECT_EQ(row.find("application/json"), std::string::npos) << row;
}

TEST(Traffic, BodiesAreJsonInsideJson) {
  for (std::string body : rows({}, 2000)) {
    body = column(body, "response_body");
    std::string inner;
    for (size_t i = 0; i < body.size(); ++i) {
      if (body[i] == '\\') ++i;
      inner.push_back(body[i]);
    }
    EXPECT_TRUE(JsonChecker(inner).valid()) << inner;
  }
}

TEST(Traffic, AverageRowIsAsLongAsAsked) {
  for (const size_t wanted : {1200U, 4000U}) {
    TrafficOptions options;
    options.row_bytes = wanted;
    size_t bytes = 0;
    for (const std::string& row : rows(options, 5000)) bytes += row.size() + 1;
    const double average = static_cast<double>(bytes) / 5000;
    EXPECT_NEAR(average, static_cast<double>(wanted), static_cast<double>(wanted) * 0.05);
  }
}

TEST(Traffic, TimesRiseAtTheRateAndJitterIsBounded) {
  TrafficOptions options;
  options.rate = 100;
  Traffic in_order(options);
  options.jitter = Duration(2000);
  Traffic shuffled(options);
  std::string out;
  Timestamp newest = options.start;
  bool went_back = false;
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(in_order.next(out), options.start + Duration(i * 10));
    const Timestamp time = shuffled.next(out);
    went_back = went_back || time < newest;
    EXPECT_GE(time + options.jitter, newest);
    newest = std::max(newest, time);
    out.clear();
  }
  EXPECT_TRUE(went_back);
}

TEST(Traffic, MostRequestsSucceed) {
  int successes = 0;
  for (const std::string& row : rows({}, 20'000)) {
    successes += column(row, "response_status") == "200" ? 1 : 0;
  }
  EXPECT_GT(successes, 20'000 * 0.91);
  EXPECT_LT(successes, 20'000 * 0.96);
}

// Distinct request bodies among the rows of one refusal, for the busiest caller.
std::set<std::string> bodies_of(const std::string& type, const std::string& actor) {
  TrafficOptions options;
  options.actors = {actor};
  options.workspaces = 2000;  // so that no honest caller is the busiest
  std::set<std::string> bodies;
  for (const std::string& row : rows(options, 20'000)) {
    if (row.find(type) != std::string::npos) bodies.insert(column(row, "request_body"));
  }
  return bodies;
}

TEST(Traffic, ActorsDoWhatTheirNamesSay) {
  EXPECT_GT(bodies_of("/application/protected_resource", "protected_prober").size(), 100U);
  EXPECT_GT(bodies_of("/authorization/insufficient_permissions", "permission_scanner").size(), 80U);
  EXPECT_EQ(bodies_of("/authorization/key_disabled", "disabled_key_loop").size(), 1U);
  EXPECT_GT(bodies_of("/workspace_rate_limited", "quota_hammer").size(), 10U);
  EXPECT_EQ(bodies_of("/authorization/key_disabled", "none").size(), 0U);
}

TEST(Traffic, OrderLoopRepeatsOneDeployment) {
  TrafficOptions options;
  options.actors = {"order_loop"};
  std::vector<std::string> bodies;
  for (const std::string& row : rows(options, 20'000)) {
    if (row.find("deployment_not_ready") == std::string::npos) continue;
    bodies.push_back(column(row, "request_body"));
  }
  size_t most = 0;
  for (const std::string& body : bodies) {
    most = std::max(most, static_cast<size_t>(std::count(bodies.begin(), bodies.end(), body)));
  }
  EXPECT_GT(most, bodies.size() / 2);
}

}  // namespace
}  // namespace picket
