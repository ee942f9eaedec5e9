// Every documented code and text of Unkey against tests/cases/unkey_refusals.tsv: each row becomes
// log lines in the shapes in which it may arrive, and all of them must get the names of the row.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "rules/json_writer.h"
#include "tests/support/engine_run.h"
#include "tests/support/refusal_names.h"
#include "tests/support/source_dir.h"

namespace picket {
namespace {

struct Row {
  std::string shape, path, status, error, detail, internal;
  std::string names;  // as RefusalNames has them
  std::string confidence;
  std::string text;
};

std::vector<std::string> lines_of(const std::string& file) {
  std::istringstream in(read_text_file(source_dir() + "/tests/cases/" + file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

std::vector<Row> read_table() {
  std::vector<Row> rows;
  for (const std::string& line : lines_of("unkey_refusals.tsv")) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, '\t');) cells.push_back(cell);
    if (cells.size() != 11) {
      ADD_FAILURE() << "not 11 cells: " << line;
      continue;
    }
    for (size_t i : {size_t{3}, size_t{4}, size_t{5}}) {
      if (cells[i] == "-") cells[i].clear();
    }
    rows.push_back({cells[0], cells[1], cells[2], cells[3], cells[4], cells[5],
                    fmt::format("{} {} {} {}", cells[6], cells[7], cells[8], cells[9]), cells[10],
                    line});
  }
  return rows;
}

std::string json_text(std::string_view text) {
  std::string out;
  JsonWriter(out).string(text);
  return out;
}

std::string request(const Row& row, const std::string& body) {
  return fmt::format(
      R"({{"request_id":"req_1","time":1787322356101,"workspace_id":"ws_1","method":"POST",)"
      R"("path":"{}","request_body":"{{}}","response_status":{},"response_body":{},"error":{},)"
      R"("service_latency":4,"user_agent":"curl/8.7.1","ip_address":"203.0.113.9"}})",
      row.path, row.status, json_text(body), json_text(row.internal));
}

// "err:a:b:c" as the address of its documentation.
std::string address(std::string urn, std::string_view root) {
  if (urn.empty()) return {};
  std::ranges::replace(urn, ':', '/');
  return std::string(root) + urn.substr(std::string_view("err").size());
}

// The API's own line for a request, which had the bodies in versions of early 2026.
std::string wide_line(const Row& row, const std::string& body) {
  return fmt::format(
      R"({{"time":"2026-05-21T14:25:56.110Z","level":"INFO","msg":"POST {}",)"
      R"("http":{{"method":"POST","path":"{}","request_id":"req_1","status_code":{},)"
      R"("response_body":{}}}}})",
      row.path, row.path, row.status, json_text(body));
}

// What an app of a customer logs when its call is refused.
std::string app_line(const Row& row) {
  return fmt::format(
      R"({{"time":1787322365101,"log_id":"rlog_1","severity":"error","message":"call failed",)"
      R"("k8s_pod_name":"d-1","attributes":{{"code":"{}","status":{},"detail":{}}}}})",
      row.error, row.status, json_text(row.detail));
}

std::vector<std::string> api_lines(const Row& row) {
  if (row.status == "200") {
    return {request(row, fmt::format(R"({{"data":{{"message":{}}}}})", json_text(row.detail)))};
  }
  std::vector<std::string> lines;
  for (std::string_view root :
       {"https://unkey.com/docs/errors", "https://unkey.com/docs/api-reference/errors-v2",
        "https://www.unkey.dev/docs/errors"}) {
    const std::string body =
        fmt::format(R"({{"error":{{"detail":{},"status":{},"title":"T","type":"{}"}},)"
                    R"("meta":{{"requestId":"req_1"}}}})",
                    json_text(row.detail), row.status, address(row.error, root));
    lines.push_back(request(row, body));
    if (!row.internal.empty()) continue;  // only rows of the API have it
    lines.push_back(body);                // as clients save it
    lines.push_back(wide_line(row, body));
  }
  if (row.internal.empty()) lines.push_back(app_line(row));
  return lines;
}

std::vector<std::string> first_version_lines(const Row& row) {
  const std::string body = fmt::format(
      R"({{"error":{{"code":"{}","docs":"","message":"m","requestId":"req_1"}}}})", row.error);
  return {request(row, body), body};
}

std::vector<std::string> gateway_lines(const Row& row) {
  return {
      fmt::format(R"({{"time":"2026-08-21T14:26:03.101Z","level":"INFO",)"
                  R"("msg":"frontline request error","error":{},"requestId":"req_1","code":"{}",)"
                  R"("status":{},"path":"{}"}})",
                  json_text(row.detail), row.error, row.status, row.path),
      fmt::format(R"({{"meta":{{"requestId":"req_1"}},"error":{{"code":"{}","message":{}}}}})",
                  row.error, json_text(row.detail))};
}

std::vector<std::string> verification_lines(Row row) {
  std::vector<std::string> lines = {fmt::format(
      R"({{"request_id":"req_1","time":1787322362704,"workspace_id":"ws_1","key_space_id":"ks_1",)"
      R"("key_id":"key_1","source":"api","outcome":"{}","latency":2}})",
      row.error)};
  row.path = "/v2/keys.verifyKey";
  const std::string answer = fmt::format(R"({{"data":{{"code":"{}"}}}})", row.error);
  lines.push_back(request(row, answer));
  lines.push_back(wide_line(row, answer));
  row.path = "/v1/keys.verifyKey";
  lines.push_back(request(row, fmt::format(R"({{"code":"{}"}})", row.error)));
  return lines;
}

std::vector<std::string> ratelimit_lines(Row row) {
  std::vector<std::string> lines = {fmt::format(
      R"({{"request_id":"req_1","time":1787322362704,"workspace_id":"ws_1","namespace_id":"n",)"
      R"("identifier":"u","passed":{},"limit":1,"remaining":0,"reset_at":1787322416101}})",
      row.error)};
  row.path = "/v2/ratelimit.limit";
  const std::string answer = fmt::format(R"({{"data":{{"success":{}}}}})", row.error);
  lines.push_back(request(row, answer));
  lines.push_back(wide_line(row, answer));
  row.path = "/v2/ratelimit.multiLimit";
  lines.push_back(request(row, fmt::format(R"({{"data":{{"passed":{}}}}})", row.error)));
  row.path = "/v1/ratelimits.limit";
  lines.push_back(request(row, fmt::format(R"({{"success":{}}})", row.error)));
  return lines;
}

std::vector<std::string> edge_lines(const Row& row) {
  return {fmt::format(R"({{"time":1787322362704,"method":"POST","path":"{}","status":{}}})",
                      row.path, row.status)};
}

struct Shape {
  std::string_view name;
  std::vector<std::string> (*lines)(const Row&);
  std::string_view schema = {};  // empty: each line is recognised
};

const Shape kShapes[] = {
    {"api", api_lines},
    {"v1", first_version_lines},
    {"gateway", gateway_lines},
    {"verification", [](const Row& row) { return verification_lines(row); }},
    {"ratelimit", [](const Row& row) { return ratelimit_lines(row); }},
    {"edge", edge_lines, "generic"},
};

// From here on rules name what has no rule of its own: by family, by a code nobody knows, by
// status.
constexpr int kFamilyPriority = 70;

TEST(ClassifierTable, EveryRowGetsItsNamesInEveryShape) {
  auto rules = shipped_rules();
  ASSERT_TRUE(rules);
  std::vector<std::string> catalogue = lines_of("unkey_codes.txt");
  std::ranges::sort(catalogue);
  size_t rows = 0;
  for (const Row& row : read_table()) {
    const Shape* shape = std::ranges::find(kShapes, row.shape, &Shape::name);
    ASSERT_NE(shape, std::end(kShapes)) << row.text;
    int schema = -1;
    if (!shape->schema.empty()) {
      schema = rules->find_schema(shape->schema);
      ASSERT_GE(schema, 0);
    }
    for (const std::string& line : shape->lines(row)) {
      RefusalNames names = names_of(rules, line, schema);
      EXPECT_EQ(names.by_line[1], row.names) << row.text << "\n" << line;
      const Classification* named = names.named[1];
      EXPECT_EQ(named ? fmt::format("{:g}", named->confidence) : "-", row.confidence)
          << row.text << "\n"
          << line;
      const bool known = std::ranges::binary_search(catalogue, row.error);
      EXPECT_TRUE(!known || !named || named->priority < kFamilyPriority)
          << "no rule of its own: " << row.text;
    }
    ++rows;
  }
  EXPECT_GE(rows, 200U);
}

TEST(ClassifierTable, EveryCodeOfTheCatalogueIsInTheTable) {
  std::set<std::string> listed;
  for (const Row& row : read_table()) {
    if (row.detail.empty() && row.internal.empty()) listed.insert(row.error);
  }
  const std::vector<std::string> catalogue = lines_of("unkey_codes.txt");
  EXPECT_GE(catalogue.size(), 89U);
  for (const std::string& code : catalogue) EXPECT_TRUE(listed.contains(code)) << code;
}

}  // namespace
}  // namespace picket
