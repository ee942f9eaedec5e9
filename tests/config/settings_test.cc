// The sections of picket.yaml, and what is said about wrong ones.
#include "config/settings.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace picket {
namespace {

ParsedSettings parse(std::string text) {
  Result<YamlFile> file = parse_yaml(std::move(text), "picket.yaml");
  EXPECT_TRUE(file.has_value());
  return parse_settings(*std::move(file));
}

TEST(Settings, EmptySectionsKeepTheDefaults) {
  ParsedSettings parsed = parse("inputs: []\n");
  EXPECT_TRUE(parsed.diagnostics.empty());
  EXPECT_EQ(parsed.settings.listen, "127.0.0.1:9617");
  EXPECT_EQ(parsed.settings.state.memory_max, 64u << 20);
  EXPECT_EQ(parsed.settings.pipeline.workers, 1u);
  EXPECT_EQ(parsed.settings.dead_letter.path, "dead_letter.log");
}

TEST(Settings, ReadsEverySection) {
  ParsedSettings parsed = parse(R"(
inputs:
  - {name: api, type: file, paths: ["/var/log/*.ndjson"], schema: unkey.api_requests, lateness: 5s}
  - {name: in, type: stdin, max_line: 1MiB, overload: shed, silent_after: 10m}
outputs:
  - {type: file, path: "-"}
http: {listen: "[::1]:0"}
state: {path: /tmp/x.db, memory_max: 8MiB, commit_interval: 250ms}
pipeline: {workers: 4, batch_bytes: 64KiB, queue_bytes: 1MiB}
dead_letter: {path: "", max_bytes: 1MiB}
rules: [rules/]
schemas: [mine.yaml]
self_watch: {lag_bytes_max: 1MiB, lag_age_max: 1m, patience: 5s, resolve_after: 10s}
placeholders: {admins: [root, admin]}
max_future_skew: 1h
)");
  ASSERT_TRUE(parsed.diagnostics.empty()) << render(parsed.diagnostics.front());
  const Settings& settings = parsed.settings;
  ASSERT_EQ(settings.inputs.size(), 2u);
  EXPECT_EQ(settings.inputs[0].schema, "unkey.api_requests");
  EXPECT_EQ(settings.inputs[0].lateness, std::chrono::seconds(5));
  EXPECT_EQ(settings.inputs[1].max_line, 1u << 20);
  EXPECT_FALSE(settings.inputs[0].silent_after.has_value());
  EXPECT_EQ(settings.inputs[1].silent_after, std::chrono::minutes(10));
  EXPECT_EQ(settings.self_watch.lag_bytes_max, 1u << 20);
  EXPECT_EQ(settings.self_watch.lag_age_max, std::chrono::minutes(1));
  EXPECT_EQ(settings.self_watch.patience, std::chrono::seconds(5));
  EXPECT_EQ(settings.self_watch.resolve_after, std::chrono::seconds(10));
  EXPECT_EQ(settings.inputs[0].overload, Overload::Block);
  EXPECT_EQ(settings.inputs[1].overload, Overload::Shed);
  EXPECT_FALSE(settings.inputs[1].lateness.has_value());
  ASSERT_EQ(settings.outputs.size(), 1u);
  EXPECT_EQ(settings.outputs[0].name, "file");
  EXPECT_EQ(settings.listen, "[::1]:0");
  EXPECT_EQ(settings.state.commit_interval, std::chrono::milliseconds(250));
  EXPECT_EQ(settings.pipeline.batch_bytes, 64u << 10);
  EXPECT_EQ(settings.dead_letter.path, "");
  EXPECT_EQ(settings.rules, std::vector<std::string>{"rules/"});
  ASSERT_EQ(settings.placeholders.size(), 1u);
  EXPECT_EQ(settings.placeholders[0].second.size(), 2u);
  EXPECT_EQ(settings.max_future_skew, std::chrono::hours(1));
}

TEST(Settings, AllowEntriesNeedAnEndAnOwnerAndAReason) {
  ParsedSettings parsed = parse(R"(
allow:
  - {address: 203.0.113.0/24, expires: 2027-01-31, owner: platform, reason: nightly test}
  - {workspace_id: [ws_1, ws_2], expires: 2027-01-31, owner: platform, reason: nightly test}
)");
  EXPECT_TRUE(parsed.diagnostics.empty());
  ASSERT_EQ(parsed.settings.allow.size(), 2u);
  EXPECT_EQ(parsed.settings.allow[0].kind, "address");
  EXPECT_EQ(parsed.settings.allow[0].expires, "2027-01-31");
  EXPECT_EQ(parsed.settings.allow[1].values, (std::vector<std::string>{"ws_1", "ws_2"}));
  for (const char* wrong : {
           "{address: 1.2.3.4, owner: a, reason: b}",
           "{address: 1.2.3.4, expires: 2027-01-31, reason: b}",
           "{address: 1.2.3.4, expires: 2027-01-31, owner: a}",
           "{expires: 2027-01-31, owner: a, reason: b}",
           "{address: 1.2.3.4, key_id: k, expires: 2027-01-31, owner: a, reason: b}",
           "{adress: 1.2.3.4, key_id: k, expires: 2027-01-31, owner: a, reason: b}",
       }) {
    EXPECT_EQ(parse("allow:\n  - " + std::string(wrong) + "\n").diagnostics.size(), 1u) << wrong;
  }
}

TEST(Settings, SchemaMayStandInTheInput) {
  ParsedSettings parsed = parse(R"(
inputs:
  - name: edge
    type: stdin
    schema:
      schema: edge
      time: {field: ts, unit: s}
      fields: {http.response.status_code: st}
)");
  ASSERT_TRUE(parsed.diagnostics.empty()) << render(parsed.diagnostics.front());
  ASSERT_TRUE(parsed.settings.inputs[0].own_schema.has_value());
  EXPECT_EQ(parsed.settings.inputs[0].schema, "edge");
  EXPECT_NE(parsed.settings.inputs[0].own_schema->field("http.response.status_code"), nullptr);
}

// A value that comes from the environment could become structure; so there are none.
TEST(Settings, TheEnvironmentChangesNothing) {
  const auto parsed = parse("http: {listen: \"${HOME}\"}\nstate: {path: $HOME/picket.db}\n");
  EXPECT_TRUE(parsed.diagnostics.empty());
  EXPECT_EQ(parsed.settings.listen, "${HOME}");
  EXPECT_EQ(parsed.settings.state.path, "$HOME/picket.db");
}

TEST(Settings, OverloadIsBlockOrShed) {
  const auto parsed = parse("inputs:\n  - {name: a, type: stdin, overload: drop}\n");
  ASSERT_EQ(parsed.diagnostics.size(), 1u);
  EXPECT_EQ(parsed.diagnostics[0].message, "overload is either block or shed");
  EXPECT_EQ(parsed.diagnostics[0].where.column, 38u);
}

TEST(Settings, ReportsEveryMistakeAtItsPlace) {
  ParsedSettings parsed = parse(
      "inputs:\n"
      "  - {name: a, type: stdin, max_line: lots}\n"
      "  - {name: a, type: stdin}\n"
      "htpp: {listen: x}\n"
      "state: {memory_max: -1}\n"
      "pipeline: {workers: 0}\n");
  std::vector<std::pair<uint32_t, std::string>> found;
  for (const Diagnostic& diagnostic : parsed.diagnostics) {
    found.emplace_back(diagnostic.where.line, diagnostic.message + " " + diagnostic.hint);
    EXPECT_GT(diagnostic.where.column, 0u) << diagnostic.message;
  }
  auto on_line = [&](uint32_t line) {
    return std::count_if(found.begin(), found.end(), [&](auto& f) { return f.first == line; });
  };
  EXPECT_GE(on_line(2), 1);
  EXPECT_EQ(on_line(3), 1);
  EXPECT_EQ(on_line(4), 1);
  EXPECT_EQ(on_line(5), 1);
  EXPECT_EQ(on_line(6), 1);
  auto typo = std::find_if(found.begin(), found.end(), [](auto& f) { return f.first == 4; });
  ASSERT_NE(typo, found.end());
  EXPECT_NE(typo->second.find("http"), std::string::npos) << typo->second;
}

// The environment belongs to whoever starts the process, the configuration to who may write it:
// what looks like a variable is text.
TEST(Settings, NothingIsTakenFromTheEnvironment) {
  const ParsedSettings parsed = parse(
      "inputs: [{name: $HOME, type: stdin}]\n"
      "state: {path: \"${HOME}/x\"}\n"
      "placeholders: {a: [\"${PATH}: {b: c}\"]}\n");
  ASSERT_TRUE(parsed.diagnostics.empty());
  EXPECT_EQ(parsed.settings.inputs.at(0).name, "$HOME");
  EXPECT_EQ(parsed.settings.state.path, "${HOME}/x");
  EXPECT_EQ(parsed.settings.placeholders.at(0).second, std::vector<std::string>{"${PATH}: {b: c}"});
}

}  // namespace
}  // namespace picket
