// What check_parts() and check_schema_names() find, and where.
#include "daemon/check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rules/rule_set.h"

namespace picket {
namespace {

Settings settings_of(const std::string& text) {
  Result<YamlFile> file = parse_yaml(text, "p.yaml");
  EXPECT_TRUE(file) << text;
  ParsedSettings parsed = parse_settings(*std::move(file));
  EXPECT_FALSE(has_errors(parsed.diagnostics)) << parsed.diagnostics.front().message;
  return std::move(parsed.settings);
}

// "line:column message (hint)" of each problem.
std::vector<std::string> shown(const Diagnostics& diagnostics) {
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics) {
    out.push_back(std::to_string(d.where.line) + ":" + std::to_string(d.where.column) + " " +
                  d.message + (d.hint.empty() ? "" : " (" + d.hint + ")"));
  }
  return out;
}

std::vector<std::string> problems(const std::string& text) {
  return shown(check_parts(settings_of(text)));
}

using Strings = std::vector<std::string>;

TEST(Check, GoodConfigurationHasNoProblem) {
  EXPECT_EQ(problems("inputs:\n"
                     "  - {name: a, type: file, paths: [/var/log/a/*.log]}\n"
                     "  - {name: b, type: stdin}\n"
                     "outputs: [{type: alertmanager, urls: [http://127.0.0.1:9093]}]\n"
                     "http: {listen: '[::1]:0'}\n"),
            Strings());
  EXPECT_EQ(problems("http: {listen: ''}\n"), Strings());
}

TEST(Check, UnknownTypes) {
  EXPECT_EQ(problems("inputs: [{name: a, type: fiel}]\noutputs: [{type: carrier-pigeon}]\n"),
            Strings({"1:26 there is no type of input 'fiel' (did you mean 'file'?)",
                     "2:18 there is no type of output 'carrier-pigeon' "
                     "(there are: alertmanager, file)"}));
}

TEST(Check, EveryPartReportsItsOptions) {
  const Strings found = problems(
      "inputs:\n"
      "  - {name: a, type: file, paths: [], start: middle}\n"
      "  - {name: b, type: stdin, path: x}\n"
      "outputs:\n"
      "  - {type: alertmanager, urls: [nowhere]}\n"
      "  - {type: file}\n");
  ASSERT_EQ(found.size(), 5U) << testing::PrintToString(found);
  EXPECT_TRUE(found[0].starts_with("2:34 ")) << found[0];
  EXPECT_TRUE(found[1].starts_with("2:45 ")) << found[1];
  EXPECT_TRUE(found[2].starts_with("3:28 ")) << found[2];
  EXPECT_TRUE(found[3].starts_with("5:32 ")) << found[3];
  EXPECT_TRUE(found[4].starts_with("6:5 ")) << found[4];
}

TEST(Check, ListenAddress) {
  for (const char* bad : {"9617", "example.org:9617", "127.0.0.1:99999", "::1:9617"}) {
    const Strings found = problems("http:\n  listen: \"" + std::string(bad) + "\"\n");
    ASSERT_EQ(found.size(), 1U) << bad;
    EXPECT_TRUE(found[0].starts_with("2:11 '" + std::string(bad) + "' is not an address"));
  }
}

TEST(Check, WhatIsWrittenMustNotBeRead) {
  EXPECT_EQ(problems("inputs: [{name: a, type: file, paths: [./logs/*.log]}]\n"
                     "dead_letter: {path: logs/dead.log}\n"),
            Strings({"1:39 './logs/*.log' matches 'logs/dead.log', which picket writes "
                     "(give one of them another name or folder)"}));
}

TEST(Check, AnInputWithASpoolCannotShed) {
  EXPECT_EQ(problems("inputs:\n"
                     "  - {name: a, type: stdin, overload: shed}\n"
                     "  - {name: b, type: tcp, listen: '127.0.0.1:0', overload: block}\n"
                     "  - {name: c, type: tcp, listen: '127.0.0.1:0', overload: shed}\n"),
            Strings({"4:59 an input of type tcp cannot shed (lines wait in its spool; spool_max "
                     "bounds that, and then the sender is told to come back)"}));
}

TEST(Check, HttpInputsMayShareAnAddress) {
  EXPECT_EQ(problems("inputs:\n"
                     "  - {name: a, type: http, listen: '127.0.0.1:9618', connections_max: 9}\n"
                     "  - {name: b, type: http, listen: 'localhost:9618', connections_max: 9, "
                     "otlp: false}\n"
                     "  - {name: c, type: http, listen: '127.0.0.1:9619'}\n"
                     "  - {name: d, type: tcp, listen: '127.0.0.1:0'}\n"
                     "  - {name: e, type: tcp, listen: '127.0.0.1:0'}\n"
                     "  - {name: f, type: unix, path: a}\n"
                     "  - {name: g, type: unix, path: b}\n"),
            Strings());
}

TEST(Check, WhatBelongsToAnAddressIsTheSameInAllItsInputs) {
  EXPECT_EQ(
      problems("inputs:\n"
               "  - {name: a, type: http, listen: '127.0.0.1:9618', otlp: false}\n"
               "  - {name: b, type: http, listen: '127.0.0.1:9618', connections_max: 9}\n"
               "  - {name: c, type: http, listen: '127.0.0.1:9618', otlp: false}\n"
               "  - {name: d, type: http, listen: '127.0.0.1:9618'}\n"),
      Strings({"3:70 'connections_max' differs from that of 'a', which has the same address "
               "(it belongs to the port: write the same in both)",
               "5:5 POST /v1/logs could be for 'b' and for 'd' (write 'otlp: false' in all but one "
               "of the inputs that share the address)"}));
  const Strings found = problems(
      "inputs:\n"
      "  - {name: a, type: http, listen: '127.0.0.1:9618'}\n"
      "  - {name: b, type: http, listen: '127.0.0.1:9618', otlp: false, "
      "tls: {certificate: /nonexistent, key: /nonexistent}}\n");
  ASSERT_EQ(found.size(), 2u) << testing::PrintToString(found);
  EXPECT_TRUE(found[1].starts_with("3:71 'tls' differs from that of 'a'")) << found[1];
}

TEST(Check, OtherInputsShareNothing) {
  EXPECT_EQ(problems("inputs:\n"
                     "  - {name: a, type: http, listen: '127.0.0.1:9618'}\n"
                     "  - {name: b, type: tcp, listen: '127.0.0.1:9618'}\n"
                     "  - {name: c, type: unix, path: a}\n"
                     "  - {name: d, type: unix, path: a}\n"),
            Strings({"3:34 input 'a' listens there already (only inputs of type http may share an "
                     "address)",
                     "5:33 input 'c' listens there already (only inputs of type http may share an "
                     "address)"}));
}

TEST(Check, LeavesNoFileBehind) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::path(testing::TempDir()) / ("picket_check_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const std::string path = folder / "alerts.ndjson";
  EXPECT_EQ(problems("outputs: [{type: file, path: '" + path + "'}]\n"), Strings());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(problems("outputs: [{type: file, path: '" + path + "/in/a/file'}]\n").size(), 1U);
  fs::remove_all(folder);
}

TEST(Check, SchemaNames) {
  auto file = parse_yaml("schema: shop.orders\nfields: {url.path: path}\n", "s.yaml");
  ASSERT_TRUE(file);
  auto schema = parse_schema(*file);
  ASSERT_TRUE(schema) << schema.error().front().message;
  auto rules = RuleSet::make({}, {*std::move(schema)});
  ASSERT_TRUE(rules);
  const Settings settings = settings_of(
      "inputs:\n"
      "  - {name: a, type: stdin, schema: shop.orders}\n"
      "  - {name: b, type: stdin}\n"
      "  - {name: c, type: stdin, schema: shop.order}\n");
  EXPECT_EQ(shown(check_schema_names(settings, **rules)),
            Strings({"4:36 there is no schema 'shop.order' (did you mean 'shop.orders'?)"}));
}

}  // namespace
}  // namespace picket
