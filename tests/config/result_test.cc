#include "config/result.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(Result, ErrorsCountButWarningsDoNot) {
  EXPECT_FALSE(has_errors({}));
  EXPECT_FALSE(has_errors({{{}, "w", "", Severity::Warning}}));
  EXPECT_TRUE(has_errors({{{}, "w", "", Severity::Warning}, {{}, "e"}}));
}

struct RenderCase {
  Diagnostic diagnostic;
  std::string text;
  std::string expected;
};

TEST(Result, RendersPlaceLineAndCaret) {
  const RenderCase cases[] = {
      {{{}, "bad"}, "", "error: bad"},
      {{{"f"}, "bad"}, "a\n", "f: error: bad"},
      {{{"f", 2, 3}, "bad", "fix it"}, "", "f:2:3: error: bad\n  hint: fix it"},
      {{{"f", 2, 3}, "bad", "fix it"},
       "one\ntwo\n",
       "f:2:3: error: bad\n  two\n    ^\n  hint: fix it"},
      {{{"f", 2, 0}, "odd", "", Severity::Warning}, "one\r\ntwo\r\n", "f:2: warning: odd\n  two"},
      {{{"f", 9, 1}, "bad"}, "one\n", "f:9:1: error: bad"},
      // The caret counts characters, not bytes, and a column past the end stays behind the line.
      {{{"f", 1, 4}, "bad"}, "\u00e4\u00e4 x", "f:1:4: error: bad\n  \u00e4\u00e4 x\n    ^"},
      {{{"f", 1, 99}, "bad"}, "ab", "f:1:99: error: bad\n  ab\n    ^"},
      // Terminal commands in a rule file are shown, not obeyed.
      {{{"f", 1, 6}, "bad \x1b[2J"},
       "\x1b[2J\tx\u202e",
       "f:1:6: error: bad ?[2J\n  ?[2J x?\n       ^"},
  };
  for (const RenderCase& c : cases) EXPECT_EQ(render(c.diagnostic, c.text), c.expected);
}

Result<int> half(int n) {
  if (n % 2 != 0) return fail({"f", 1, 1}, "odd");
  return n / 2;
}

Result<int> quarter(int n) {
  PICKET_TRY(const int h, half(n));
  PICKET_TRY(const int q, half(h));
  return q;
}

TEST(Result, TryPassesDiagnosticsOn) {
  EXPECT_EQ(quarter(8).value(), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().front().message, "odd");
}

TEST(Result, AppendKeepsOrder) {
  Diagnostics all = {{{}, "a"}};
  append(all, {{{}, "b"}, {{}, "c"}});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2].message, "c");
}

}  // namespace
}  // namespace picket
