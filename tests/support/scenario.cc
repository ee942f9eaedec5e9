#include "tests/support/scenario.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "rules/types.h"
#include "tests/support/traffic_row.h"

namespace picket {
namespace {

constexpr std::array<std::string_view, 5> kPrograms = {
    "speakeasy-sdk/typescript 2.0.4 2.677.3 2.0.0 @unkey/api",
    "speakeasy-sdk/go 2.1.2 2.686.7 2.0.0 github.com/unkeyed/sdks/api/go/v2",
    "node",
    "Go-http-client/2.0",
    "python-requests/2.32.3",
};

// An address for each caller, from the network that is reserved for measurements.
std::string address(uint32_t number) {
  return "198.18." + std::to_string(number / 250) + "." + std::to_string(1 + number % 250);
}

Caller make_caller(Random& random, const CallerKind& kind, bool hostile, uint32_t number) {
  Caller caller;
  caller.kind = kind.name;
  caller.hostile = hostile;
  caller.fast = kind.fast;
  caller.client.workspace_id = random.id("ws_");
  caller.client.user_agent = random.pick(kPrograms);
  caller.client.ip_address = address(number);
  caller.client.region = "us-east-1";
  caller.key_id = random.id("key_");
  return caller;
}

void write_callers(const ScenarioOptions& options, const std::vector<CallerKind>& kinds,
                   bool hostile, Scenario& out) {
  const uint32_t count = hostile ? options.hostile : options.honest;
  for (uint32_t i = 0; i < count; ++i) {
    const CallerKind& kind = kinds[i % kinds.size()];
    const auto number = static_cast<uint32_t>(out.callers.size());
    const uint64_t seed = options.seed * 1'000'003 + number;
    Random random(seed);
    Caller& caller = out.callers.emplace_back(make_caller(random, kind, hostile, number));
    Plan plan(options, random.bits(), number, caller, out);
    kind.write(plan);
  }
}

}  // namespace

Plan::Plan(const ScenarioOptions& options, uint64_t seed, uint32_t caller, Caller& who,
           Scenario& out)
    : options_(options), random_(seed), caller_(caller), who_(who), out_(out) {}

Timestamp Plan::some_time(Duration before_end) {
  const Duration room = std::max(Duration(1), options_.length - before_end);
  return start() +
         Duration(static_cast<int64_t>(random_.unit() * static_cast<double>(room.count())));
}

Duration Plan::about(Duration mean) {
  const double factor = 0.5 + random_.unit();
  return Duration(1 + static_cast<int64_t>(static_cast<double>(mean.count()) * factor));
}

Request& Plan::begin(Timestamp time, std::string_view operation) {
  request_.clear();
  request_.time = time;
  request_.client = &who_.client;
  request_.workspace_id = who_.client.workspace_id;
  request_.operation = operation;
  random_.append_id(request_.request_id, "req_");
  request_.data = "{}";
  return request_;
}

void Plan::send(std::string_view cause) {
  std::string text;
  append_row(request_, options_.style, scratch_, text);
  text.pop_back();
  add(request_.time, cause, std::move(text));
}

void Plan::verification(Timestamp time, std::string_view outcome, std::string_view path,
                        std::string_view cause) {
  request_.request_id = random_.id("req_");
  std::string text = "{\"request_id\":\"" + request_.request_id;
  text += "\",\"time\":" + std::to_string(to_ms(time)) + ",\"workspace_id\":\"";
  text += who_.client.workspace_id + "\",\"key_space_id\":\"ks_" + std::to_string(caller_);
  text += R"(","identity_id":"","external_id":"","key_id":")" + who_.key_id;
  text += R"(","region":"us-east-1","source":"api","app_id":"","outcome":")";
  text.append(outcome).append(R"(","tags":["path=)").append(path);
  text += R"("],"spent_credits":0,"latency":2})";
  add(time, cause, std::move(text));
}

void Plan::key_check(Timestamp time, std::string_view source, std::string_view outcome,
                     std::string_view key_id) {
  const std::string number = std::to_string(caller_);
  request_.request_id = random_.id("req_");
  const bool known = !key_id.empty();
  std::string text = "{\"request_id\":\"" + request_.request_id;
  text += "\",\"time\":" + std::to_string(to_ms(time)) + ",\"workspace_id\":\"";
  if (known) text += who_.client.workspace_id;
  text += "\",\"key_space_id\":\"" + (known ? "ks_" + number : std::string());
  text.append(R"(","identity_id":"","external_id":"","key_id":")").append(key_id);
  text.append(R"(","region":"us-east-1","source":")").append(source);
  text += "\",\"app_id\":\"" + (source == "gateway" ? "app_" + number : std::string());
  text.append(R"(","outcome":")").append(outcome);
  text += R"(","tags":[],"spent_credits":0,"latency":2})";
  add(time, outcome == "VALID" ? "" : "credential_state", std::move(text));
}

void Plan::denied_line(Timestamp time, std::string_view key_id, std::string_view permission) {
  request_.request_id.clear();
  std::string text = "{\"time\":" + std::to_string(to_ms(time));
  text += R"(,"level":"WARN","msg":"principal authorization denied","workspace_id":")";
  text += who_.client.workspace_id + R"(","subject_type":"rootkey","subject_id":")";
  text.append(key_id).append(R"(","required_permissions":")").append(permission).append("\"}");
  add(time, "insufficient_permissions", std::move(text));
}

void Plan::add(Timestamp time, std::string_view cause, std::string text) {
  if (time >= end()) return;
  const double late = random_.unit() * static_cast<double>(options_.spread.count());
  ScenarioRow& row = out_.rows.emplace_back();
  row.time = time;
  row.arrival = time + Duration(static_cast<int64_t>(late));
  row.caller = caller_;
  row.cause = cause;
  row.request_id = request_.request_id;
  row.text = std::move(text);
}

std::vector<CallerKind> cast_of(Cast cast, bool hostile) {
  if (cast == Cast::Weeks) return hostile ? hostile_kinds_of_weeks() : honest_kinds_of_weeks();
  std::vector<CallerKind> kinds = hostile ? hostile_kinds() : honest_kinds();
  const std::vector<CallerKind> more = hostile ? patient_kinds() : team_kinds();
  kinds.insert(kinds.end(), more.begin(), more.end());
  return kinds;
}

Scenario make_scenario(const ScenarioOptions& options) {
  Scenario scenario;
  scenario.callers.reserve(options.honest + options.hostile);
  write_callers(options, cast_of(options.cast, false), false, scenario);
  write_callers(options, cast_of(options.cast, true), true, scenario);
  std::stable_sort(scenario.rows.begin(), scenario.rows.end(),
                   [](const ScenarioRow& a, const ScenarioRow& b) {
                     return std::tie(a.arrival, a.request_id) < std::tie(b.arrival, b.request_id);
                   });
  return scenario;
}

std::string truth_lines(const Scenario& scenario) {
  std::vector<std::map<std::string_view, uint64_t>> causes(scenario.callers.size());
  for (const ScenarioRow& row : scenario.rows) {
    if (!row.cause.empty()) ++causes[row.caller][row.cause];
  }
  std::string out;
  for (size_t i = 0; i < scenario.callers.size(); ++i) {
    const Caller& caller = scenario.callers[i];
    out.append("{\"kind\":\"").append(caller.kind).append("\",\"hostile\":");
    out.append(caller.hostile ? "true" : "false");
    out.append(",\"workspace_id\":\"").append(caller.client.workspace_id);
    out.append("\",\"key_id\":\"").append(caller.key_id);
    out.append("\",\"client_address\":\"").append(caller.client.ip_address);
    out.append("\",\"user_agent\":\"").append(caller.client.user_agent);
    out.append("\",\"refusals\":{");
    const char* separator = "";
    for (const auto& [cause, count] : causes[i]) {
      out.append(separator).append("\"").append(cause).append("\":");
      out.append(std::to_string(count));
      separator = ",";
    }
    out.append("}}\n");
  }
  return out;
}

}  // namespace picket
