#include "config/schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/node.h"
#include "tests/support/source_dir.h"

namespace picket {
namespace {

Result<Schema> parse(std::string text) {
  auto file = parse_yaml(std::move(text), "s.yaml");
  if (!file) return std::unexpected(file.error());
  return parse_schema(*file);
}

TEST(Schema, ReadsEveryKey) {
  const auto schema = parse(R"(
schema: unkey.api_requests
title: API requests
logsource: {product: unkey, service: api_requests}
recognise:
  - response_status
  - [level, severity]
recognise_not: [deployment_id]
envelope: Records
time: {field: [time, "meta.at"], unit: us}
lateness: 30s
roots: [Event.EventData]
actor:
  - unkey.key_id
  - [client.address, user_agent.original]
fields:
  url.path: path
  unkey.key_id: [auth.subject, auth.root_key_id]
  error.type: {from: "response_body > error.type", as: unkey_urn}
  http.response.header.retry-after: "response_headers[Retry-After]"
  unkey.operation: {from: path, capture: '^/v[0-9]+/([a-z]+)$'}
  outcome.code: {from: [outcome, result], map: {DISABLED: "err:x", "0": none}}
)");
  ASSERT_TRUE(schema) << render(schema.error().front());
  EXPECT_EQ(schema->name, "unkey.api_requests");
  EXPECT_EQ(schema->title, "API requests");
  EXPECT_EQ(schema->logsource.product, "unkey");
  EXPECT_EQ(schema->logsource.service, "api_requests");
  EXPECT_EQ(schema->recognise,
            (std::vector<std::vector<std::string>>{{"response_status"}, {"level", "severity"}}));
  EXPECT_EQ(schema->recognise_not, std::vector<std::string>{"deployment_id"});
  EXPECT_EQ(schema->envelope, "Records");
  ASSERT_EQ(schema->time.size(), 2U);
  EXPECT_EQ(schema->time[1].path, "meta.at");
  EXPECT_EQ(schema->time_unit, TimeUnit::Microseconds);
  EXPECT_EQ(schema->lateness, std::chrono::seconds(30));
  EXPECT_EQ(schema->roots, std::vector<std::string>{"Event.EventData"});
  EXPECT_EQ(schema->actor, (std::vector<std::vector<std::string>>{
                               {"unkey.key_id"}, {"client.address", "user_agent.original"}}));
  ASSERT_EQ(schema->fields.size(), 6U);
  EXPECT_EQ(schema->field("unkey.key_id")->alternatives.size(), 2U);
  const FieldRule& type = schema->field("error.type")->alternatives.at(0);
  EXPECT_EQ(type.source.path, "response_body");
  EXPECT_EQ(type.source.inner, "error.type");
  EXPECT_EQ(type.transform, FieldTransform::UnkeyUrn);
  const FieldRule& retry = schema->field("http.response.header.retry-after")->alternatives.at(0);
  EXPECT_EQ(retry.source.path, "response_headers");
  EXPECT_EQ(retry.source.header, "Retry-After");
  EXPECT_EQ(schema->field("unkey.operation")->alternatives.at(0).capture, "^/v[0-9]+/([a-z]+)$");
  const SchemaField& outcome = *schema->field("outcome.code");
  ASSERT_EQ(outcome.alternatives.size(), 2U);
  EXPECT_EQ(outcome.alternatives[1].source.path, "result");
  EXPECT_EQ(outcome.alternatives[1].map.at("0"), "none");
  EXPECT_EQ(outcome.alternatives[1].where.line, 22U);
  EXPECT_EQ(schema->field("nope"), nullptr);
}

TEST(Schema, NeedsOnlyAName) {
  const auto schema = parse("schema: raw\n");
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->time_unit, TimeUnit::Milliseconds);
  EXPECT_TRUE(schema->fields.empty());
}

struct BadSchema {
  std::string text;
  uint32_t line;
  uint32_t column;
  std::string message;
  std::string hint;
};

TEST(Schema, ReportsProblemsAtTheirPlace) {
  const BadSchema cases[] = {
      {"title: x\n", 1, 1, "schema needs 'schema'", ""},
      {"schema: x\nlatenes: 1s\n", 2, 1, "unknown key 'latenes' in schema",
       "did you mean 'lateness'?"},
      {"schema: x\ntime: {field: t, unit: min}\n", 2, 24, "unknown time unit 'min'",
       "use one of s, ms, us, ns"},
      {"schema: x\ntime: {unit: s}\n", 2, 7, "time needs 'field'", ""},
      {"schema: x\nfields:\n  a: 'b > c > d'\n", 3, 6,
       "'a > b' needs exactly one path on each side", ""},
      {"schema: x\nfields:\n  a: 'b[c'\n", 3, 6,
       "'a[b]' needs a name between the brackets and nothing after them", ""},
      {"schema: x\nfields:\n  a: 'b > c[d]'\n", 3, 6,
       "a source has either 'a > b' or 'a[b]', not both", ""},
      {"schema: x\nfields:\n  a: ' > c'\n", 3, 6, "a source needs a path", ""},
      {"schema: x\nfields:\n  a: {from: b, as: urn}\n", 3, 20, "unknown transform",
       "the only one is 'unkey_urn'"},
      {"schema: x\nfields:\n  a: {form: b}\n", 3, 6, "field 'a' needs 'from'", ""},
      {"schema: x\nfields:\n  a: {from: b, capture: 'x+'}\n", 3, 25,
       "'capture' needs one group in parentheses", ""},
      {"schema: x\nfields:\n  a: {from: b > c, when: {}}\n", 3, 26,
       "'when' must name one path and its values",
       "for example when: {path: [/v2/keys.verifyKey]}"},
      {"schema: x\nfields:\n  a: {from: b > c, when: {p: []}}\n", 3, 26, "'when' needs a value",
       ""},
      {"schema: x\nfields:\n  a: {from: b, when: {p: q}}\n", 3, 13,
       "'when' is for sources inside a text, 'a > b'", ""},
      {"schema: x\nfields:\n  a: []\n", 3, 6, "field 'a' has no source", ""},
      {"schema: x\nactor: [client.adress]\nfields: {client.address: ip}\n", 2, 8,
       "actor 'client.adress' is not one of the fields", "did you mean 'client.address'?"},
      {"schema: x\n---\nschema: y\n", 1, 1, "a schema file holds exactly one document", ""},
      {"schema: x\nlogsource: {vendor: y}\n", 2, 13, "unknown key 'vendor' in logsource", ""},
  };
  for (const BadSchema& c : cases) {
    const auto schema = parse(c.text);
    ASSERT_FALSE(schema) << c.text;
    const Diagnostic& d = schema.error().front();
    EXPECT_EQ(d.message, c.message);
    EXPECT_EQ(d.hint, c.hint) << c.text;
    EXPECT_EQ(d.where.line, c.line) << c.text;
    EXPECT_EQ(d.where.column, c.column) << c.text;
  }
}

TEST(Schema, CollectsAllProblems) {
  const auto schema = parse("lateness: soon\nroots: {a: b}\nfields: 3\nfoo: bar\n");
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().size(), 5U);
}

std::string tree_file(const std::string& path) {
  std::ifstream file(source_dir() + "/" + path);
  EXPECT_TRUE(file.is_open()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What schemas say of operations stands in each of them, and in one table of facts.
TEST(Schema, ShippedOnesKnowTheOperations) {
  static constexpr const char* kFields[] = {"unkey.operation.mutates", "unkey.operation.sensitive",
                                            "unkey.operation.masks", "unkey.operation.deprecated"};
  std::map<std::string, std::map<std::string, std::string>> expected;
  std::istringstream table(tree_file("tests/cases/unkey_operations.tsv"));
  for (std::string row; std::getline(table, row);) {
    if (row.empty() || row[0] == '#') continue;
    std::istringstream cells(row);
    std::string operation;
    std::getline(cells, operation, '\t');
    for (const char* field : kFields) {
      std::string value;
      std::getline(cells, value, '\t');
      if (value != "-") expected[field][operation] = value;
    }
  }
  EXPECT_EQ(expected["unkey.operation.mutates"].size(), 49U);
  for (const char* name : {"unkey.api_requests", "unkey.service_log"}) {
    const auto schema = parse(tree_file(std::string("config/schemas/") + name + ".yaml"));
    ASSERT_TRUE(schema) << render(schema.error().front());
    for (const char* name_of_field : kFields) {
      const SchemaField* field = schema->field(name_of_field);
      ASSERT_TRUE(field) << name << ": " << name_of_field;
      for (const FieldRule& rule : field->alternatives) {
        EXPECT_EQ(rule.map, expected[name_of_field]) << name << ": " << name_of_field;
      }
    }
  }
}

}  // namespace
}  // namespace picket
