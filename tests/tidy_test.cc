// The rules about the shape of the source tree that a compiler does not know: which folder may
// include which, where heavy headers may appear, and how big files, functions and structs may be.
//
// The checks are functions of a SourceTree, so each has a self-test on a few lines in memory that
// shows that it can fail; TidyTree.* then runs all of them on the real tree.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/source_dir.h"
#include "tests/support/source_scan.h"

namespace picket {
namespace {

constexpr size_t kFileLines = 500;
constexpr size_t kFunctionLines = 70;
constexpr size_t kColumns = 100;
constexpr size_t kIncludeDepth = 8;
constexpr size_t kStructFields = 15;
constexpr size_t kMacros = 6;

using SourceTree = std::map<std::string, std::string>;  // path below the root -> text
using Findings = std::vector<std::string>;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool is_under(std::string_view path, std::string_view folder) { return path.starts_with(folder); }
bool is_header(std::string_view path) { return path.ends_with(".h"); }
bool is_ours(std::string_view path) {
  return is_under(path, "config/") || is_under(path, "rules/") || is_under(path, "daemon/");
}
std::string place(const std::string& path, size_t line) {
  return path + ":" + std::to_string(line) + ": ";
}

// Includes.

struct Include {
  size_t line = 0;
  std::string name;
  bool quoted = false;
};

std::vector<Include> includes_of(const std::string& text) {
  std::vector<Include> includes;
  const std::vector<std::string> lines = lines_of(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("#include")) continue;
    const size_t open = lines[i].find_first_of("\"<");
    const size_t close = lines[i].find_last_of("\">");
    if (open == std::string::npos || close <= open) continue;
    includes.push_back({i + 1, lines[i].substr(open + 1, close - open - 1), lines[i][open] == '"'});
  }
  return includes;
}

Findings check_edges(const SourceTree& tree) {
  static const std::map<std::string, std::vector<std::string>> kAllowed = {
      {"config", {"config/"}},
      {"rules", {"config/", "rules/"}},
      {"daemon", {"config/", "rules/", "daemon/"}},
      {"tests", {"config/", "rules/", "daemon/", "tests/"}},
  };
  Findings findings;
  for (const auto& [path, text] : tree) {
    const std::vector<std::string>& allowed = kAllowed.at(path.substr(0, path.find('/')));
    for (const Include& include : includes_of(text)) {
      const bool fine =
          !include.quoted || std::any_of(allowed.begin(), allowed.end(), [&](const auto& folder) {
            return is_under(include.name, folder);
          });
      if (!fine) findings.push_back(place(path, include.line) + "may not include " + include.name);
    }
  }
  return findings;
}

// Walks the include graph once; `depth` counts the files of the longest chain from a file.
class IncludeGraph {
 public:
  explicit IncludeGraph(const SourceTree& tree) : tree_(tree) {}

  Findings check() {
    for (const auto& [path, text] : tree_) {
      if (depth(path) > kIncludeDepth) {
        findings_.push_back(path + ": include depth " + std::to_string(depth(path)));
      }
    }
    return findings_;
  }

 private:
  size_t depth(const std::string& path) {
    const auto known = depth_.find(path);
    if (known != depth_.end()) return known->second;
    if (!open_.insert(path).second) {
      findings_.push_back(path + ": is part of an include cycle");
      return 0;
    }
    size_t deepest = 0;
    for (const Include& include : includes_of(tree_.at(path))) {
      if (tree_.contains(include.name)) deepest = std::max(deepest, depth(include.name));
    }
    open_.erase(path);
    return depth_[path] = deepest + 1;
  }

  const SourceTree& tree_;
  std::map<std::string, size_t> depth_;
  std::set<std::string> open_;
  Findings findings_;
};

Findings check_graph(const SourceTree& tree) { return IncludeGraph(tree).check(); }

// A header that is costly to compile, or that hides a library behind one file, and who may see it.
struct HeavyHeader {
  std::string_view prefix;
  std::vector<std::string_view> allowed;
};

Findings check_heavy_headers(const SourceTree& tree) {
  static const std::vector<HeavyHeader> kHeavy = {
      {"regex", {}},
      {"simdjson",
       {"rules/decode_json", "daemon/dead_letter_reader.cc", "daemon/inputs/clickhouse_page.cc"}},
      {"curl/", {"daemon/http/client.cc"}},
      {"boost/beast", {"daemon/http/"}},
      {"yaml.h", {"config/node.cc"}},
      {"sqlite3", {"daemon/store.cc"}},
      {"CLI/", {"daemon/main.cc", "daemon/commands/"}},
  };
  Findings findings;
  for (const auto& [path, text] : tree) {
    for (const Include& include : includes_of(text)) {
      for (const HeavyHeader& heavy : kHeavy) {
        // Tests may look behind the seams, but nobody pays for <regex>.
        const bool applies = is_ours(path) || heavy.allowed.empty();
        if (!applies || !is_under(include.name, heavy.prefix)) continue;
        const bool fine = std::any_of(heavy.allowed.begin(), heavy.allowed.end(),
                                      [&](auto allowed) { return is_under(path, allowed); });
        if (!fine)
          findings.push_back(place(path, include.line) + include.name + " is not for here");
      }
    }
  }
  return findings;
}

// ---- Lines, words and blocks

Findings check_file_length(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    const size_t lines = lines_of(text).size();
    if (lines > kFileLines) findings.push_back(path + ": " + std::to_string(lines) + " lines");
  }
  return findings;
}

size_t columns(std::string_view line) {
  return static_cast<size_t>(std::count_if(
      line.begin(), line.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

Findings check_line_length(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    const Code code = code_of(text);
    const std::vector<std::string> lines = lines_of(text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (columns(lines[i]) > kColumns && !code.raw_lines.contains(i + 1)) {
        findings.push_back(place(path, i + 1) + std::to_string(columns(lines[i])) + " columns");
      }
    }
  }
  return findings;
}

Findings check_pragma_once(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (is_header(path) && code_of(text).text.find("#pragma once") == std::string::npos) {
      findings.push_back(path + ": lacks #pragma once");
    }
  }
  return findings;
}

Findings check_macros(const SourceTree& tree) {
  Findings found;
  for (const auto& [path, text] : tree) {
    if (!is_ours(path)) continue;
    const std::vector<std::string> lines = lines_of(code_of(text).text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].starts_with("#define")) found.push_back(place(path, i + 1) + lines[i]);
    }
  }
  return found.size() > kMacros ? found : Findings();
}

Findings check_throw(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (!is_ours(path)) continue;
    const std::vector<std::string> lines = lines_of(code_of(text).text);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (has_word(lines[i], "throw")) findings.push_back(place(path, i + 1) + "throws");
    }
  }
  return findings;
}

Findings check_blocks(const SourceTree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    for (const CodeBlock& block : blocks_of(code_of(text).text)) {
      const std::string where = place(path, block.line);
      if (block.kind == CodeBlock::Kind::Function && block.lines > kFunctionLines) {
        findings.push_back(where + "function of " + std::to_string(block.lines) + " lines");
      }
      if (block.kind == CodeBlock::Kind::Type && block.fields > kStructFields) {
        findings.push_back(where + "struct of " + std::to_string(block.fields) + " fields");
      }
    }
  }
  return findings;
}

// Tests mirror the tree.

// tests/rules/window_test.cc tests rules/window.{h,cc}; window_eviction_test.cc, named after a
// hazard, does so too. `exists` answers whether a file or folder begins with this path and ends at
// the end of a word: "rules/window" for rules/window.cc.
Findings check_mirror(const SourceTree& tree, const std::function<bool(std::string_view)>& exists) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    const std::string_view rest = std::string_view(path).substr(std::string_view("tests/").size());
    if (!is_under(path, "tests/") || !rest.ends_with("_test.cc") || !is_ours(rest)) continue;
    std::string stem(rest.substr(0, rest.size() - std::string_view("_test.cc").size()));
    while (!exists(stem) && stem.rfind('_') != std::string::npos &&
           stem.rfind('_') > stem.rfind('/')) {
      stem.resize(stem.rfind('_'));
    }
    if (!exists(stem)) findings.push_back(path + ": mirrors no file of the tree");
  }
  return findings;
}

// Self-tests: every check can fail.

std::string repeated(std::string_view line, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text.append(line);
  return text;
}

using Check = Findings (*)(const SourceTree&);

struct SelfTest {
  std::string_view name;
  Check check;
  SourceTree good;
  SourceTree bad;
};

std::vector<SelfTest> include_self_tests() {
  return {
      {"edge upwards",
       check_edges,
       {{"daemon/a.h", "#include \"rules/b.h\"\n"}},
       {{"rules/a.h", "#include \"daemon/b.h\"\n"}}},
      {"edge into tests",
       check_edges,
       {{"tests/a.cc", "#include \"tests/b.h\"\n"}},
       {{"daemon/a.h", "#include \"tests/b.h\"\n"}}},
      {"config stands alone",
       check_edges,
       {{"config/a.h", "#include \"config/b.h\"\n"}},
       {{"config/a.h", "#include \"rules/b.h\"\n"}}},
      {"cycle",
       check_graph,
       {{"rules/a.h", "#include \"rules/b.h\"\n"}, {"rules/b.h", ""}},
       {{"rules/a.h", "#include \"rules/b.h\"\n"}, {"rules/b.h", "#include \"rules/a.h\"\n"}}},
      {"regex",
       check_heavy_headers,
       {{"tests/a.cc", "#include <vector>\n"}},
       {{"tests/a.cc", "#include <regex>\n"}}},
      {"simdjson",
       check_heavy_headers,
       {{"rules/decode_json_x.cc", "#include <simdjson.h>\n"}},
       {{"rules/engine.cc", "#include <simdjson.h>\n"}}},
      {"beast",
       check_heavy_headers,
       {{"daemon/http/a.cc", "#include <boost/beast/http.hpp>\n"}},
       {{"daemon/a.cc", "#include <boost/beast/http.hpp>\n"}}},
      {"yaml",
       check_heavy_headers,
       {{"config/node.cc", "#include <yaml.h>\n"}},
       {{"config/schema.cc", "#include <yaml.h>\n"}}},
      {"sqlite",
       check_heavy_headers,
       {{"daemon/store.cc", "#include <sqlite3.h>\n"}},
       {{"daemon/store.h", "#include <sqlite3.h>\n"}}},
      {"CLI11",
       check_heavy_headers,
       {{"daemon/commands/run.cc", "#include <CLI/CLI.hpp>\n"}},
       {{"daemon/runtime.cc", "#include <CLI/CLI.hpp>\n"}}},
  };
}

std::vector<SelfTest> shape_self_tests() {
  const std::string fields = repeated("  int field = 0;\n", kStructFields);
  const std::string body = repeated("  work({1});\n", kFunctionLines - 2);
  return {
      {"file length",
       check_file_length,
       {{"rules/a.cc", repeated("\n", kFileLines)}},
       {{"rules/a.cc", repeated("\n", kFileLines + 1)}}},
      {"line length",
       check_line_length,
       {{"rules/a.cc", repeated("é", kColumns) + "\nR\"(" + repeated("x", 200) + ")\";\n"}},
       {{"rules/a.cc", repeated("x", kColumns + 1)}}},
      {"pragma once",
       check_pragma_once,
       {{"rules/a.h", "#pragma once\n"}},
       {{"rules/a.h", "// #pragma once\n"}}},
      {"macros",
       check_macros,
       {{"rules/a.h", repeated("#define A\n", kMacros)}},
       {{"rules/a.h", repeated("#define A\n", kMacros + 1)}}},
      {"throw",
       check_throw,
       {{"rules/a.cc", "// throw it\nf(\"throw 1\"); rethrow();\n"}},
       {{"rules/a.cc", "throw 1;\n"}}},
      {"function length",
       check_blocks,
       {{"rules/a.cc", "int f(int a) {\n" + body + "}\n"}},
       {{"rules/a.cc", "int f(int a) {\n" + body + "\n}\n"}}},
      {"method length",
       check_blocks,
       {{"rules/a.h", "class A {\n void f() {\n" + body + "}\n};\n"}},
       {{"rules/a.h", "class A {\n public:\n  void f() {\n" + body + "\n}\n};\n"}}},
      {"table is no function",
       check_blocks,
       {{"rules/a.cc", "const T kT = {\n" + repeated("  {f(1)},\n", 200) + "};\n"}},
       {{"rules/a.cc", "T t() {\n" + repeated("  {f(1)},\n", 200) + "}\n"}}},
      {"fields",
       check_blocks,
       {{"rules/a.h", "struct A {\n" + fields + "  int f(int a);\n  using B = int;\n};\n"}},
       {{"rules/a.h", "struct A {\n" + fields + "  std::vector<int> b = {};\n};\n"}}},
      {"fields behind methods",
       check_blocks,
       {{"rules/a.h", "class A {\n int f() { return 1; }\n private:\n" + fields + "};\n"}},
       {{"rules/a.h",
         "class A {\n int f() { return 1; }\n private:\n" + fields + " int b_;\n};\n"}}},
  };
}

void run_self_tests(const std::vector<SelfTest>& tests) {
  for (const SelfTest& test : tests) {
    SCOPED_TRACE(test.name);
    EXPECT_EQ(test.check(test.good), Findings());
    EXPECT_FALSE(test.check(test.bad).empty());
  }
}

TEST(TidySelf, IncludeChecksCanFail) { run_self_tests(include_self_tests()); }
TEST(TidySelf, ShapeChecksCanFail) { run_self_tests(shape_self_tests()); }

TEST(TidySelf, DepthCanFail) {
  SourceTree tree;
  for (size_t i = 0; i < kIncludeDepth; ++i) {
    tree["rules/" + std::to_string(i) + ".h"] =
        "#include \"rules/" + std::to_string(i + 1) + ".h\"\n";
  }
  EXPECT_EQ(check_graph(tree), Findings());
  tree["rules/" + std::to_string(kIncludeDepth) + ".h"] = "";
  EXPECT_EQ(check_graph(tree).size(), 1U);
}

TEST(TidySelf, MirrorCanFail) {
  const auto exists = [](std::string_view path) { return path == "rules/window"; };
  EXPECT_EQ(check_mirror({{"tests/rules/window_test.cc", ""}}, exists), Findings());
  EXPECT_EQ(check_mirror({{"tests/rules/window_full_table_test.cc", ""}}, exists), Findings());
  EXPECT_EQ(check_mirror({{"tests/support/traffic_test.cc", ""}}, exists), Findings());
  EXPECT_EQ(check_mirror({{"tests/rules/door_test.cc", ""}}, exists).size(), 1U);
}

// The real tree.

const std::filesystem::path kRoot = source_dir();

SourceTree read_tree() {
  SourceTree tree;
  for (const char* folder : {"config", "rules", "daemon", "tests"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc") continue;
      std::ifstream file(entry.path());
      std::ostringstream text;
      text << file.rdbuf();
      tree[std::filesystem::relative(entry.path(), kRoot).string()] = text.str();
    }
  }
  return tree;
}

bool in_real_tree(std::string_view path) {
  const std::filesystem::path wanted = kRoot / path;
  if (!std::filesystem::is_directory(wanted.parent_path())) return false;
  for (const auto& entry : std::filesystem::directory_iterator(wanted.parent_path())) {
    if (entry.path().stem() == wanted.filename()) return true;
  }
  return false;
}

TEST(TidyTree, KeepsEveryRule) {
  const SourceTree tree = read_tree();
  ASSERT_GT(tree.size(), 10U) << "the tree was not found under " << kRoot;
  Findings all;
  for (const Check check :
       {check_edges, check_graph, check_heavy_headers, check_file_length, check_line_length,
        check_pragma_once, check_macros, check_throw, check_blocks}) {
    const Findings findings = check(tree);
    all.insert(all.end(), findings.begin(), findings.end());
  }
  const Findings unmirrored = check_mirror(tree, in_real_tree);
  all.insert(all.end(), unmirrored.begin(), unmirrored.end());
  for (const std::string& finding : all) ADD_FAILURE() << finding;
}

}  // namespace
}  // namespace picket
