#include "daemon/inputs/clickhouse_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/inputs/secret_file.h"

namespace picket {
namespace {

using ::testing::HasSubstr;

std::string problems_of(const std::string& text) {
  const auto file = parse_yaml(text, "picket.yaml");
  const auto options = parse_clickhouse(file->documents.at(0));
  std::string all;
  if (options) return all;
  for (const Diagnostic& problem : options.error()) all += render(problem) + "\n";
  return all;
}

TEST(ClickhouseQuery, BadOptionsAreNamedWhereTheyStand) {
  const std::string all = problems_of(
      "type: clickhouse\n"
      "url: http://user:hunter2@host\n"
      "query: SELECT 1; DROP TABLE x\n"
      "cursor: 't` OR 1'\n"
      "unit: h\n"
      "every: 1ms\n"
      "start: yesterday\n"
      "page: 0\n"
      "password_file: /nonexistent\n"
      "ca_file: /x\n"
      "settings: {date_time_output_format: simple, 'a&b': 1, param_cursor: 1}\n"
      "tabel: x\n");
  for (const char* part :
       {"picket.yaml:2:6: error: this is not a usable URL",
        "picket.yaml:3:8: error: the query must", "picket.yaml:4:9: error: 't` OR 1' is not",
        "picket.yaml:5:7: error: there is no unit 'h'", "picket.yaml:6:8: error: 'every' must",
        "picket.yaml:7:", "picket.yaml:8:",
        "picket.yaml:9:16: error: '/nonexistent' cannot be read",
        "picket.yaml:9:16: error: a password needs a 'user'", "'ca_file' is of no use",
        "'date_time_output_format' cannot be set here", "'a&b' cannot be set here",
        "'param_cursor' cannot be set here", "tabel"}) {
    EXPECT_THAT(all, HasSubstr(part));
  }
  EXPECT_THAT(all, ::testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(problems_of("type: clickhouse\n"), HasSubstr("query"));
}

TEST(ClickhouseQuery, TheCursorCountsInItsUnit) {
  ClickhouseOptions options;
  const Timestamp time = timestamp_ms(1'700'000'000'123);
  for (const auto& [unit, value] : {std::pair<const char*, int64_t>{"s", 1'700'000'000},
                                    {"ms", 1'700'000'000'123},
                                    {"us", 1'700'000'000'123'000},
                                    {"ns", 1'700'000'000'123'000'000}}) {
    options.unit = unit;
    EXPECT_EQ(cursor_at(options, time), value) << unit;
  }
}

TEST(ClickhouseQuery, ACommentAtItsEndHidesNothing) {
  ClickhouseOptions options;
  options.query = "SELECT 1 AS t -- the end";
  options.cursor = "t";
  EXPECT_THAT(page_query(options, 5), HasSubstr("-- the end\n) WHERE `t` >="));
}

class SecretFile : public ::testing::Test {
 protected:
  SecretFile() { std::filesystem::create_directories(folder_); }
  ~SecretFile() override {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    std::filesystem::remove_all(folder_);
  }
  std::string read(const std::string& name, Diagnostics& diagnostics) const {
    const auto file = parse_yaml("'" + name + "'", "x.yaml");
    return read_secret(file->documents.at(0), diagnostics);
  }
  const std::string folder_ = ::testing::TempDir() + "picket_secret_" + std::to_string(::getpid());
};

TEST_F(SecretFile, ABareNameIsACredentialOfTheUnit) {
  std::ofstream(folder_ + "/clickhouse") << " hunter2\n";
  Diagnostics diagnostics;
  EXPECT_EQ(read(folder_ + "/clickhouse", diagnostics), "hunter2");
  ::setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(read("clickhouse", diagnostics), "hunter2");
  EXPECT_TRUE(diagnostics.empty());
  read("other", diagnostics);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_THAT(diagnostics[0].message, HasSubstr("/other' cannot be read"));
}

TEST_F(SecretFile, WhatWouldBreakAHeaderIsRefusedAndNotShown) {
  std::ofstream(folder_ + "/bad") << "hun\nter2";
  Diagnostics diagnostics;
  read(folder_ + "/bad", diagnostics);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_THAT(diagnostics[0].message, ::testing::Not(HasSubstr("ter2")));
}

}  // namespace
}  // namespace picket
