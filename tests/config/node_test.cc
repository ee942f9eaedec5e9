#include "config/node.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

using std::chrono::milliseconds;

YamlFile parse(std::string text) {
  auto file = parse_yaml(std::move(text), "f.yaml");
  if (!file) {
    ADD_FAILURE() << render(file.error().front());
    return {};
  }
  return *std::move(file);
}

std::string first_problem(std::string text) {
  auto file = parse_yaml(std::move(text), "f");
  if (file) return "none";
  const Diagnostic& d = file.error().front();
  return std::to_string(d.where.line) + ":" + std::to_string(d.where.column) + ": " + d.message;
}

TEST(Node, KeepsKindsQuotesAndPlaces) {
  const YamlFile file = parse("a: 404\nb: '404'\nc:\n- ~\n- [x, y]\nd:\ne: null\nf: 'null'\n");
  ASSERT_EQ(file.documents.size(), 1U);
  const Node& root = file.documents[0];
  ASSERT_EQ(root.entries().size(), 6U);
  EXPECT_FALSE(root.find("a")->quoted());
  EXPECT_TRUE(root.find("b")->quoted());
  EXPECT_EQ(root.find("b")->text(), "404");
  EXPECT_TRUE(root.find("c")->items()[0].is_null());
  const Location y = root.find("c")->items()[1].items()[1].where();
  EXPECT_EQ(y.file, "f.yaml");
  EXPECT_EQ(y.line, 5U);
  EXPECT_EQ(y.column, 7U);
  // An absent value is reported at its key, not at whatever comes next.
  EXPECT_TRUE(root.find("d")->is_null());
  EXPECT_EQ(root.find("d")->where().line, 6U);
  EXPECT_TRUE(root.find("e")->is_null());
  EXPECT_TRUE(root.find("f")->is_scalar());
  EXPECT_EQ(root.find("zzz"), nullptr);
  EXPECT_EQ(root.find("a")->find("x"), nullptr);
}

TEST(Node, ReadsSeveralDocumentsAndNone) {
  EXPECT_EQ(parse("").documents.size(), 0U);
  EXPECT_EQ(parse("# only a comment\n").documents.size(), 0U);
  const YamlFile file = parse("a: 1\n---\n---\n- b\n...\n");
  ASSERT_EQ(file.documents.size(), 3U);
  EXPECT_TRUE(file.documents[1].is_null());
  EXPECT_TRUE(file.documents[2].is_sequence());
}

TEST(Node, StaysInPlaceWhenItsFileMoves) {
  YamlFile file = parse("a: {b: c}\n");
  const Node* b = file.documents[0].find("a")->find("b");
  std::vector<YamlFile> files;
  files.push_back(std::move(file));
  for (int i = 0; i < 9; ++i) files.push_back(parse("x: y\n"));
  EXPECT_EQ(files[0].documents[0].find("a")->find("b"), b);
  EXPECT_EQ(b->where().file, "f.yaml");
}

TEST(Node, CopiesAliases) {
  const YamlFile file = parse("a: &x {k: [1, 2]}\nb: *x\nc: [*x, &y 3, *y]\n");
  const Node& root = file.documents[0];
  EXPECT_EQ(root.find("b")->find("k")->items().size(), 2U);
  EXPECT_EQ(root.find("c")->items()[2].text(), "3");
}

TEST(Node, RefusesWhatItCannotRepresent) {
  const std::pair<std::string, std::string> cases[] = {
      {"a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a'"},
      {"x:\n  a: 1\n  'a': 3\n", "3:3: duplicate key 'a'"},
      {"a: *no\n", "1:4: not valid YAML: the referenced anchor is not defined"},
      {"&a [*a]\n", "1:5: this alias refers to a value that contains it"},
      {"a: &x {b: 1}\nc:\n  <<: *x\n", "3:3: merge keys ('<<') are not supported"},
      {"? [a]\n: b\n", "1:3: a key must be a plain text"},
      {"a: [1\nb: }\n",
       "2:2: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that "
       "begins on line 1"},
      {"a: 'x\n", "1:4: this quote is not closed"},
      {"a: 'it''s\nb: 2\n", "1:4: this quote is not closed"},
      {"a: \"x\\\"\nb: 2\n", "1:4: this quote is not closed"},
      {"a: 'it''s'\n", "none"},
      {"a: \"x\\\\\"\n", "none"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(first_problem(text), expected) << text;
}

TEST(Node, CountsBytesAndLineEndsAsEditorsDo) {
  // Characters of several bytes, a line end of YAML 1.1 that is none to an editor, and "\r\n".
  const YamlFile file = parse("\xc3\xa9: {\xe2\x82\xac: x}\nb: 'a\xc2\x85z'\r\nc: y\r\n");
  const Node& root = file.documents[0];
  EXPECT_EQ(root.entries()[0].value.where().column, 5U);
  EXPECT_EQ(root.entries()[0].value.entries()[0].value.where().column, 11U);
  EXPECT_EQ(root.entries()[1].value.where().line, 2U);
  EXPECT_EQ(root.find("c")->where().line, 3U);
  EXPECT_EQ(root.find("c")->where().column, 4U);
}

TEST(Node, RefusesBytesThatAreNoText) {
  EXPECT_EQ(first_problem(std::string("a: 1\nb: x\0y\n", 12)),
            "2:5: not valid YAML: the character U+0000 may not stand in a file");
  EXPECT_EQ(first_problem("a: 1\nb: \xc3\x28\n"),
            "2:5: not valid YAML: the file is not UTF-8 here");
  EXPECT_EQ(first_problem("\xff\xfe"
                          "a\0:"),
            "1:1: not valid YAML: the file is not UTF-8 here");
}

TEST(Node, FindsAllDuplicatesAtOnce) {
  const auto file = parse_yaml("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n", "f");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().size(), 2U);
}

TEST(Node, LimitsDepth) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(first_problem(nested(64)), "none");
  EXPECT_EQ(first_problem(nested(65)), "1:65: nested deeper than 64 levels");
  EXPECT_NE(first_problem(nested(100'000)), "none");
}

TEST(Node, LimitsWhatAliasesUnfoldTo) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) text += ", " + last;
    text += "]\n";
  }
  EXPECT_NE(first_problem(text).find("unfold to too many values"), std::string::npos);
}

TEST(Node, ReadsTypedScalars) {
  const YamlFile file = parse(
      "- true\n- 'true'\n- 42\n- '42'\n- -1.5\n- [a, 2]\n"
      "- 9223372036854775808\n- .inf\n- {a: b}\n- [a, [b]]\n- yes\n");
  const std::vector<Node>& n = file.documents[0].items();
  Diagnostics d;
  EXPECT_EQ(read_bool(n[0], d), true);
  EXPECT_EQ(read_int(n[2], d), 42);
  EXPECT_EQ(read_double(n[2], d), 42.0);
  EXPECT_EQ(read_double(n[4], d), -1.5);
  EXPECT_EQ(read_string(n[3], d), "42");
  EXPECT_EQ(read_strings(n[5], d), (std::vector<std::string>{"a", "2"}));
  EXPECT_EQ(read_strings(n[2], d), (std::vector<std::string>{"42"}));
  EXPECT_TRUE(d.empty());
  EXPECT_FALSE(read_bool(n[1], d));
  EXPECT_FALSE(read_int(n[3], d));
  EXPECT_EQ(d.back().message, "expected a whole number, found the text '42'");
  EXPECT_EQ(d.back().hint, "remove the quotes");
  EXPECT_FALSE(read_int(n[4], d));
  EXPECT_FALSE(read_int(n[6], d));
  EXPECT_FALSE(read_double(n[7], d));
  EXPECT_FALSE(read_string(n[8], d));
  EXPECT_FALSE(read_strings(n[9], d));
  EXPECT_FALSE(read_bool(n[10], d));
  EXPECT_EQ(d.size(), 8U);
  EXPECT_EQ(d.back().where.line, 11U);
}

TEST(Node, ReadsDurationsAndSizes) {
  const YamlFile file = parse(
      "{a: 500ms, b: 30s, c: 10m, d: 1h, e: 7d, f: 2w, g: 0, h: 5, i: 1.5h,"
      " j: s, k: 99999999999999999w, l: 64KiB, m: 65536, n: 8MiB, o: 64KB,"
      " p: 1GiB, q: -1, r: 3B}");
  const Node& root = file.documents[0];
  Diagnostics d;
  const auto duration = [&](const char* key) { return read_duration(*root.find(key), d); };
  const auto bytes = [&](const char* key) { return read_bytes(*root.find(key), d); };
  EXPECT_EQ(duration("a"), milliseconds(500));
  EXPECT_EQ(duration("b"), milliseconds(30'000));
  EXPECT_EQ(duration("c"), milliseconds(600'000));
  EXPECT_EQ(duration("d"), milliseconds(3'600'000));
  EXPECT_EQ(duration("e"), milliseconds(604'800'000));
  EXPECT_EQ(duration("f"), milliseconds(1'209'600'000));
  EXPECT_EQ(duration("g"), milliseconds(0));
  EXPECT_EQ(bytes("l"), 65'536U);
  EXPECT_EQ(bytes("m"), 65'536U);
  EXPECT_EQ(bytes("n"), 8'388'608U);
  EXPECT_EQ(bytes("o"), 64'000U);
  EXPECT_EQ(bytes("p"), 1'073'741'824U);
  EXPECT_EQ(bytes("r"), 3U);
  EXPECT_TRUE(d.empty());
  for (const char* bad : {"h", "i", "j", "k"}) EXPECT_FALSE(duration(bad)) << bad;
  for (const char* bad : {"q", "a", "j"}) EXPECT_FALSE(bytes(bad)) << bad;
  EXPECT_EQ(d.size(), 7U);
}

TEST(MapReader, ReadsDefaultsAndReportsTheRest) {
  const YamlFile file = parse("name: x\nport: 99999\nverbos: true\nwait: 3s\nempty:\nzzz: 1\n");
  Diagnostics d;
  MapReader reader(file.documents[0], "server", d);
  EXPECT_EQ(reader.required_string("name"), "x");
  EXPECT_EQ(reader.integer("port", 80, 1, 65535), 80);
  EXPECT_FALSE(reader.boolean("verbose", false));
  EXPECT_EQ(reader.duration("wait", milliseconds(1)), milliseconds(3000));
  EXPECT_EQ(reader.string("empty", "fallback"), "fallback");
  EXPECT_EQ(reader.number("ratio", 0.5), 0.5);
  EXPECT_EQ(reader.bytes("memory", 7), 7U);
  EXPECT_TRUE(reader.strings("list").empty());
  EXPECT_EQ(reader.require("must"), nullptr);
  reader.finish();
  ASSERT_EQ(d.size(), 4U);
  EXPECT_EQ(d[0].message, "'port' must be between 1 and 65535");
  EXPECT_EQ(d[0].where.line, 2U);
  EXPECT_EQ(d[0].where.column, 7U);
  EXPECT_EQ(d[1].message, "server needs 'must'");
  EXPECT_EQ(d[2].message, "unknown key 'verbos' in server");
  EXPECT_EQ(d[2].hint, "did you mean 'verbose'?");
  EXPECT_EQ(d[2].where.line, 3U);
  EXPECT_EQ(d[3].message, "unknown key 'zzz' in server");
  EXPECT_EQ(d[3].hint, "");
}

TEST(MapReader, ReportsANodeThatIsNoMapOnce) {
  const YamlFile file = parse("- a\n");
  Diagnostics d;
  MapReader reader(file.documents[0], "server", d);
  EXPECT_EQ(reader.required_string("name"), "");
  EXPECT_EQ(reader.integer("port", 80, 1, 65535), 80);
  reader.finish();
  ASSERT_EQ(d.size(), 1U);
  EXPECT_EQ(d[0].message, "expected a map for server, found a list");
}

TEST(Nearest, FindsTyposOnly) {
  const std::vector<std::string> known = {"contains", "startswith", "endswith", "re", "all"};
  EXPECT_EQ(nearest("contain", known), "contains");
  EXPECT_EQ(nearest("contians", known), "contains");  // neighbours swapped: one edit
  EXPECT_EQ(nearest("CONTAINS", known), "contains");
  EXPECT_EQ(nearest("startwith", known), "startswith");
  EXPECT_EQ(nearest("al", known), "all");
  EXPECT_EQ(nearest("frobnicate", known), std::nullopt);
  EXPECT_EQ(nearest("", known), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'x'), known), std::nullopt);
}

}  // namespace
}  // namespace picket
