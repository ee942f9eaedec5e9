// Reading, finding and laying out error texts; and the file that ships.
#include "daemon/error_texts.h"
#include "tests/support/source_dir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace picket {
namespace {

Result<ErrorTexts> read(const std::string& text) {
  Result<YamlFile> file = parse_yaml(text, "e.yaml");
  EXPECT_TRUE(file);
  return parse_error_texts(*file);
}

constexpr const char* kTwo = R"(
errors:
  - urn: "err:a:b:one"
    status: 403
    title: "Forbidden"
    what: "The operation itself is not allowed, whatever permissions the caller happens to have."
    scenarios: ["x: text of x"]
    mistakes: ["6 testing: ä ö ü"]
    fix: ["First.", "Second, which is longer than the width that this test allows it."]
    related: ["err:a:b:two", "err:a:b:gone"]
  - {urn: "err:a:b:two", status: 404, title: "Not Found", what: "Gone."}
)";

TEST(ErrorTexts, DescribeWrapsAndLists) {
  const auto texts = read(kTwo);
  ASSERT_TRUE(texts) << texts.error().front().message;
  EXPECT_EQ(describe(texts->front(), *texts, 40),
            "err:a:b:one\n"
            "HTTP 403 Forbidden\n"
            "\n"
            "The operation itself is not allowed,\n"
            "whatever permissions the caller happens\n"
            "to have.\n"
            "\n"
            "Scenarios:\n"
            "  - x: text of x\n"
            "\n"
            "Common mistakes:\n"
            "  - 6 testing: ä ö ü\n"
            "\n"
            "How to fix it:\n"
            "  1. First.\n"
            "  2. Second, which is longer than the\n"
            "     width that this test allows it.\n"
            "\n"
            "Related errors:\n"
            "  - err:a:b:two (Not Found)\n"
            "  - err:a:b:gone\n");
  EXPECT_EQ(describe(texts->back(), *texts, 40), "err:a:b:two\nHTTP 404 Not Found\n\nGone.\n");
}

TEST(ErrorTexts, WordsWiderThanALineStandAlone) {
  ErrorText error;
  error.urn = "u";
  error.title = "t";
  error.what = "an extraordinarily long word";
  EXPECT_EQ(describe(error, {}, 8), "u\nt\n\nan\nextraordinarily\nlong\nword\n");
}

TEST(ErrorTexts, EveryProblemIsReported) {
  const auto texts = read("errors:\n  - {urn: u, titel: t, what: w}\n  - {urn: v, title: t}\n");
  ASSERT_FALSE(texts);
  EXPECT_GE(texts.error().size(), 3U);
  const auto twins = read("errors: [{urn: u, title: t, what: w}, {urn: u, title: t, what: w}]\n");
  ASSERT_FALSE(twins);
  EXPECT_EQ(twins.error().front().message, "'u' is described twice");
}

TEST(ErrorTexts, NormalUrn) {
  const std::string forbidden = "err:unkey:authorization:forbidden";
  EXPECT_EQ(normal_urn(forbidden), forbidden);
  EXPECT_EQ(normal_urn("unkey:authorization:forbidden"), forbidden);
  EXPECT_EQ(normal_urn("https://unkey.com/docs/errors/unkey/authorization/forbidden"), forbidden);
  EXPECT_EQ(normal_urn("forbidden"), "err:forbidden");
}

TEST(ErrorTexts, WhatShipsIsComplete) {
  const auto texts = read_error_texts(source_dir() + "/config/errors");
  ASSERT_TRUE(texts) << texts.error().front().message;
  EXPECT_GT(texts->size(), 50U);
  for (const ErrorText& error : *texts) {
    EXPECT_FALSE(error.fix.empty()) << error.urn;
    for (const std::string& urn : error.related) {
      EXPECT_TRUE(find_error(*texts, urn)) << error.urn << " refers to " << urn;
    }
  }
  EXPECT_FALSE(read_error_texts(source_dir() + "/no/such/folder"));
  EXPECT_FALSE(read_error_texts(""));
}

}  // namespace
}  // namespace picket
