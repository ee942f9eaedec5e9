// What matching means, as tables: one item of a rule, values that it matches and values that it
// does not. Everything goes from the text of a rule to the decision on a line, as in the daemon.
//
// In the tables `'` stands for the quotes of JSON, ` | ` parts the values of field `f`, and `-` is
// an event without it. A value may be followed by further fields: `1, 'g': 2`.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "rules/processor.h"
#include "rules/rule_set.h"
#include "tests/rules/rule_text.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

struct Row {
  std::string item;
  std::string yes;
  std::string no;
};

const Placeholders kPlaceholders = {{"admins", {"root", "adm*"}},
                                    {"tools", {"nmap", "hydra"}},
                                    {"nets", {"10.0.0.0/8", "fd00::/8"}}};

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + separator.size());
  }
  return parts;
}

std::string event_with(std::string value) {
  std::replace(value.begin(), value.end(), '\'', '"');
  return value == "-" ? R"({"t":1})" : R"({"t":1,"f":)" + value + "}";
}

// All rows as one set of rules, so that none is tried alone where the daemon would select it first.
class Rules final : public EventObserver {
 public:
  // `shape` makes the text of a rule's `detection` from a row's item.
  void load(const std::vector<Row>& rows, std::string (*shape)(const std::string&)) {
    RuleDocuments documents;
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string number = std::to_string(i);
      auto file = parse_yaml("title: t\nname: r" + number + "\n" + shape(rows[i].item), "r.yml");
      ASSERT_TRUE(file) << rows[i].item << "\n" << render(file.error()[0]);
      read_rules(*std::move(file), kPlaceholders, documents);
      for (const Diagnostic& d : documents.rejected) {
        if (d.severity == Severity::Error) ADD_FAILURE() << rows[i].item << "\n" << render(d);
      }
      documents.rejected.clear();
    }
    auto made = RuleSet::make(std::move(documents), {test_schema()});
    ASSERT_TRUE(made);
    for (const Diagnostic& d : (*made)->rejected()) {
      if (d.severity == Severity::Error) ADD_FAILURE() << render(d);
    }
    set_ = *made;
    processor_ = std::make_unique<Processor>(set_, this);
  }

  bool matches(size_t row, const std::string& line) {
    matched_.clear();
    LineBatch batch;
    batch.bytes = PaddedBytes(line);
    HitBatch hits;
    processor_->process(std::move(batch), {.fixed_schema = 0}, hits);
    const std::string name = "r" + std::to_string(row);
    return std::any_of(matched_.begin(), matched_.end(),
                       [&](RuleId id) { return set_->rules()[id].head->name == name; });
  }

  void on_event(Event& /*event*/, const Refusal* /*refusal*/,
                const std::vector<RuleId>& detections) override {
    matched_ = detections;
  }

 private:
  std::shared_ptr<const RuleSet> set_;
  std::unique_ptr<Processor> processor_;
  std::vector<RuleId> matched_;
};

void expect_rows(const std::vector<Row>& rows, std::string (*shape)(const std::string&)) {
  Rules rules;
  rules.load(rows, shape);
  if (testing::Test::HasFatalFailure()) return;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const std::string& value : split(rows[i].yes, " | ")) {
      EXPECT_TRUE(rules.matches(i, event_with(value))) << rows[i].item << "  on  " << value;
    }
    for (const std::string& value : split(rows[i].no, " | ")) {
      EXPECT_FALSE(rules.matches(i, event_with(value))) << rows[i].item << "  on  " << value;
    }
  }
}

std::string one_item(const std::string& item) {
  return "detection:\n  s:\n    " + item + "\n  condition: s\n";
}

std::string one_selection(const std::string& selection) {
  return "detection:\n  s:" + selection + "\n  condition: s\n";
}

std::string one_detection(const std::string& body) { return "detection:\n" + body; }

TEST(MatcherTable, Texts) {
  expect_rows(
      {
          {"f: abc", "'abc' | 'ABC' | ['x','aBc'] | [['abc'],'abc']",
           "'abcd' | 'xabc' | '' | null | - | {'abc':1} | [] | [['abc']]"},
          {"f: 'ab c'", "'AB c'", "'abc'"},
          {"f: ''", "'' | ['','x']", "' ' | null | - | 0 | false | []"},
          {"f: 'null'", "'null' | 'NULL'", "null | - | ''"},
          {"f: null", "null | -", "'' | 'null' | 0 | false | [] | [null] | {}"},
          {"f: [abc, null]", "'abc' | null | -", "'' | 'x'"},
          {"f: ['', null]", "'' | null | -", "' '"},
          // Only ASCII letters lose their case.
          {"f: \u00e9T\u00e9", "'\u00e9t\u00e9' | '\u00e9T\u00e9'", "'\u00c9T\u00c9' | 'ete'"},
          {"f: stra\u00dfe", "'STRA\u00dfE'", "'STRASSE'"},
          {"f|cased: aB", "'aB' | ['x','aB']", "'ab' | 'AB' | 'xaB'"},
          {"f|cased|contains: aB", "'xaBx'", "'xabx'"},
          {"f|cased|startswith: aB", "'aBx'", "'abx' | 'xaB'"},
          {"f|endswith|cased: aB", "'xaB'", "'xab' | 'aBx'"},
          {"f|contains: bc", "'bc' | 'aBCd' | ['x','abcd']", "'b c' | 'cb' | null | -"},
          {"f|contains: ''", "'' | 'x' | 5 | ['x']", "null | - | [] | {}"},
          {"f|startswith: ab", "'ab' | 'ABc' | ['x','abc']", "'xab' | 'a'"},
          {"f|endswith: ab", "'ab' | 'xAB'", "'abx' | 'b'"},
          {"f|contains: [ab, yz]", "'xab' | 'xyz'", "'ay'"},
          {"f|contains|all: [ab, yz]", "'yzab' | 'ABxYZ' | ['ab','yz']", "'ab' | 'yz' | ['ab']"},
          {"f|startswith|all: [a, ab]", "'abc' | ['ac','ab']", "'ac'"},
          {"f|all: [a, b]", "['a','b','c'] | ['B','A']", "'a' | ['a'] | 'ab'"},
          {"f|all: [a]", "'a' | ['a']", "'b'"},
      },
      one_item);
}

TEST(MatcherTable, WildcardsAndBackslashes) {
  expect_rows(
      {
          {"f: a*c", "'ac' | 'abbc' | 'A*C'", "'acd' | 'xac'"},
          {"f: a?c", "'abc' | 'a?c' | 'a\u00e9c'", "'ac' | 'abbc'"},
          {"f: '*'", "'' | 'x' | 0 | true | ['x']", "null | - | [] | {}"},
          {"f: '?*'", "'x' | 'xy' | 5", "'' | null | -"},
          {"f: '?\?'", "'xy' | 10", "'x' | 'xyz'"},
          {R"(f: a\*c)", "'a*c'", R"('abc' | 'a\\*c')"},
          {R"(f: a\?c)", "'a?c'", R"('abc' | 'a\\?c')"},
          {R"(f: a\\c)", R"('a\\c')", R"('a\\\\c' | 'ac')"},
          {R"(f: a\c)", R"('a\\c')", R"('a\\\\c' | 'ac')"},
          {R"(f: a\\*)", R"('a\\' | 'a\\b')", "'a*' | 'ab'"},
          {R"(f: a\\\*)", R"('a\\*')", R"('a\\b' | 'a*')"},
          {R"(f: a\\\\*)", R"('a\\\\' | 'a\\\\b')", R"('a\\b')"},
          {R"(f: a\)", R"('a\\')", "'a'"},
          {R"(f: a\\)", R"('a\\')", R"('a' | 'a\\\\')"},
          {R"(f: \\host\share)", R"('\\host\\share')", R"('\\\\host\\share')"},
          {R"(f: \\\\host\share)", R"('\\\\host\\share')", R"('\\host\\share')"},
          {R"(f|endswith: \cmd.exe)", R"('c:\\CMD.exe')", "'cmd.exe' | 'xcmd.exe'"},
          {R"(f|contains: \*)", "'a*b'", "'ab'"},
          {R"(f|contains: a*c)", "'xabcx' | 'xacx'", "'xcax'"},
          {R"(f|startswith: a?c)", "'abcd'", "'acd'"},
          {R"(f|cased: A*c)", "'Abc'", "'abc'"},
          {R"(f|contains: 'a\')", R"('xa\\x')", "'xax'"},
          // Regular expressions know other escapes and no wildcards.
          {R"(f|re: a\.b)", "'xa.bx'", "'aab'"},
          {R"(f|re: 'a\\b')", R"('a\\b')", "'ab'"},
      },
      one_item);
}

TEST(MatcherTable, NumbersAndBooleans) {
  expect_rows(
      {
          {"f: 404", "404 | '404' | 404.0 | 4.04e2 | '404.0' | [1,404] | ['404']",
           "405 | '404x' | ' 404' | '' | null | - | true | {'a':404}"},
          {"f: '404'", "404 | '404' | ['404',1]", "404.0 | '404.0' | 4040"},
          {"f: 0", "0 | -0 | '0' | 0.0", "'' | false | null | -"},
          {"f: -1.5", "-1.5 | '-1.50' | -15e-1", "1.5"},
          {"f: 007", "'007'", "7 | '7'"},
          {"f: 0x1f", "'0x1F'", "31"},
          {"f: 1e3", "'1e3' | 1e3", "1000"},
          {"f: [1, 2]", "1 | '2'", "3 | 12"},
          {"f: 9007199254740993", "9007199254740993 | '9007199254740993'", "9007199254740992"},
          {"f: true", "true | 'true' | 'True' | [false,true]", "false | 1 | 'yes' | null | -"},
          {"f: 'true'", "true | 'TRUE'", "false"},
          {"f: false", "false | 'FALSE'", "0 | '' | null | -"},
          {"f: yes", "'yes' | 'YES'", "true | 1"},
          {"f|contains: 40", "404 | '1404' | 1.40", "44"},
          {"f|startswith: 4", "404 | '4xx'", "504"},
          {"f|contains: true", "true | 'untrue'", "false"},
          {"f|cased: 404", "404 | '404'", "404.0"},
          {"f|lt: 10", "9 | '9' | 9.99 | -1 | [20,5] | '-1e3'",
           "10 | '10' | 11 | 'abc' | '' | true | null | - | []"},
          {"f|lte: 10", "10 | '10.0'", "10.01"},
          {"f|gt: 10", "11 | '11' | 10.5 | 1e400", "10 | '9' | 'nan' | 'inf' | '0x20'"},
          {"f|gte: 2.5", "2.5 | '2.50' | 3", "2.49"},
          {"f|gte: -5", "-5 | '-4.5' | 0", "-6"},
          {"f|gt: 10000000000000000", "10000000000000002 | '2e16'", "10000000000000000 | 5"},
          {"f|gte|all: [5, 7]", "7 | 8", "6"},
          {"f|gte: [5, 7]", "6", "4"},
          {"f|gt|neq: 5", "5 | 4 | 'x' | null | -", "6 | [1,6]"},
          {"f|exists: true", "'' | 0 | null | [] | {} | 'x'", "-"},
          {"f|exists: false", "-", "'' | 0 | null | []"},
          {"f|exists: True", "1", "-"},
      },
      one_item);
}

TEST(MatcherTable, Negation) {
  expect_rows(
      {
          {"f|neq: a", "'b' | null | - | '' | [] | ['b']", "'a' | 'A' | ['b','a']"},
          {"f|neq: ''", "'x' | null | -", "''"},
          {"f|neq: null", "'' | 0 | 'x' | [] | [null]", "null | -"},
          {"f|neq: 5", "4 | '4' | 'x' | -", "5 | '5' | 5.0 | [4,5]"},
          {"f|neq: true", "false | 'x' | -", "true | 'true'"},
          {"f|neq: [a, 5]", "'b' | 4 | -", "'a' | 5 | ['b',5]"},
          {"f|neq: [a, null]", "'b' | ''", "'a' | null | -"},
          {"f|neq|contains: ab", "'ac' | -", "'xabx'"},
          {"f|neq|startswith: ab", "'xab' | -", "'abx'"},
          {"f|neq|contains|all: [a, b]", "'a' | 'b' | -", "'ba'"},
          {"f|neq|all: [a, b]", "['a'] | 'a' | -", "['a','b']"},
          {"f|neq|cased: aB", "'ab' | -", "'aB'"},
          {"f|neq|re: '^a+$'", "'ab' | 'A' | -", "'aa'"},
          {"f|neq|cidr: 10.0.0.0/8", "'11.0.0.1' | 'x' | -", "'10.1.1.1' | ['x','10.1.1.1']"},
          {"f|neq|windash: '-a'", "'a' | -", "'/a'"},
          {"f|neq|expand: '%admins%'", "'bob' | -", "'root' | 'admin'"},
          {"f|neq|fieldref: g", "'a', 'g': 'b' | 'a' | -", "'a', 'g': 'A'"},
          {"f|hour|neq: 14", "'2026-08-21T15:00:00Z' | 'x' | -", "'2026-08-21T14:00:00Z'"},
      },
      one_item);
}

TEST(MatcherTable, RegularExpressions) {
  expect_rows(
      {
          {"f|re: b+", "'abba' | ['x','b'] | 'a\\nb'", "'B' | '' | null | -"},
          {"f|re: '^b+$'", "'bb'", "'abb' | 'bb\\n'"},
          {"f|re|i: ^B+$", "'bB'", "'a'"},
          {"f|re|ignorecase: B", "'b'", "'a'"},
          {"f|re|m: ^b$", "'a\\nb\\nc' | 'b'", "'ab'"},
          {"f|re|multiline: ^b$", "'a\\nb'", "'ab'"},
          {"f|re|s: a.b", "'a\\nb' | 'axb'", "'ab'"},
          {"f|re|dotall: a.b", "'a\\nb'", "'ab'"},
          {"f|re: a.b", "'axb' | 'a\u00e9b'", "'a\\nb'"},
          {"f|re|i|m|s: ^A.B$", "'x\\na\\nb\\ny'", "'ab'"},
          {"f|i|re: B", "'b'", "'a'"},
          {"f|re|cased: B", "'B'", "'b'"},
          {"f|re|all: [a, b]", "'ba' | ['a','b']", "'a'"},
          {"f|re: [a, b]", "'a' | 'b'", "'c'"},
          {"f|re: '4\\d\\d'", "404 | '404' | 1404", "504"},
          {"f|re: ''", "'' | 'x' | 5", "null | -"},
          // Beyond RE2: look-around and back-references.
          {"f|re: 'a(?!b)'", "'ac' | 'a'", "'ab'"},
          {"f|re: '(?<=a)b'", "'ab'", "'cb'"},
          {"f|re: '(\\w)\\1'", "'aa'", "'ab'"},
          {"f|re: '^a(?!b)$'", "'a'", "'a\\n' | 'ab'"},
          {"f|re|m: '^a(?!b)$'", "'a\\nc'", "'ab'"},
          {"f|re|s: 'a(?!b).c'", "'a\\nc'", "'abc'"},
          {"f|re|i: '(?<=A)B'", "'ab'", "'b'"},
          {"f|re|expand: '^%tools%$'", "'nmap' | 'hydra'", "'nmapx' | '%tools%'"},
      },
      one_item);
}

TEST(MatcherTable, NetworksAndTimes) {
  expect_rows(
      {
          {"f|cidr: 10.0.0.0/8", "'10.1.2.3' | ['x','10.0.0.0']",
           "'11.0.0.0' | '10.1.2' | '10.1.2.3:80' | '::ffff:10.1.2.3' | 10 | null | -"},
          {"f|cidr: 10.1.2.3", "'10.1.2.3'", "'10.1.2.4'"},
          {"f|cidr: 0.0.0.0/0", "'1.2.3.4'", "'::1' | 'x'"},
          {"f|cidr: 2001:db8::/33", "'2001:DB8:7fff::1'", "'2001:db8:8000::1' | '10.0.0.1'"},
          {"f|cidr: ['10.0.0.0/8', 'fd00::/8']", "'10.0.0.1' | 'fd12::1'", "'fe80::1'"},
          {"f|cidr|all: ['10.0.0.0/8', '10.1.0.0/16']", "'10.1.0.1'", "'10.2.0.1'"},
          {"f|cidr|expand: '%nets%'", "'10.0.0.1' | 'fd12::1'", "'11.0.0.1'"},
          // 2026-08-21 is a Friday in week 34. Times are taken in UTC.
          {"f|minute: 25", "'2026-08-21T14:25:58Z' | 1787322358000", "'2026-08-21T14:26:00Z'"},
          {"f|hour: 14",
           "'2026-08-21T14:25:58Z' | '2026-08-21 14:25:58' | "
           "'2026-08-21T16:25:58+02:00'",
           "'2026-08-21T16:25:58Z' | 14 | '14' | 'noon' | null | -"},
          {"f|day: 21", "'2026-08-21T14:25:58Z'", "'2026-08-22T14:25:58Z'"},
          {"f|week: 34", "'2026-08-21T14:25:58Z'", "'2026-08-24T00:00:00Z'"},
          {"f|week: 53", "'2027-01-01T00:00:00Z'", "'2027-01-04T00:00:00Z'"},
          {"f|month: 8", "'2026-08-21T14:25:58Z'", "'2026-09-01T00:00:00Z'"},
          {"f|year: 2026", "'2026-08-21T14:25:58Z'", "'2027-01-01T00:00:00Z'"},
          {"f|hour: [1, 14]", "'2026-08-21T14:25:58Z'", "'2026-08-21T13:25:58Z'"},
          {"f|hour|gte: 22", "'2026-08-21T23:00:00Z'", "'2026-08-21T21:59:59Z'"},
          {"f|minute|lt: 10", "'2026-08-21T14:09:59Z'", "'2026-08-21T14:10:00Z'"},
      },
      one_item);
}

TEST(MatcherTable, OtherFieldsAndPlaceholders) {
  expect_rows(
      {
          {"f|fieldref: g", "'a', 'g': 'A' | 5, 'g': '5' | true, 'g': 'TRUE' | ['x','a'], 'g': 'a'",
           "'a', 'g': 'b' | 'a' | - | null, 'g': null | 5, 'g': 5.0 | 'a', 'g': {}"},
          {"f|fieldref: g.h", "'a', 'g': {'h':'a'}", "'a', 'g': 'a'"},
          {"f|fieldref|startswith: g", "'abc', 'g': 'AB' | 'abc', 'g': ''", "'abc', 'g': 'bc'"},
          {"f|fieldref|endswith: g", "'abc', 'g': 'BC'", "'abc', 'g': 'ab'"},
          {"f|fieldref|contains: g", "'abc', 'g': 'B'", "'abc', 'g': 'd' | 'b', 'g': 'abc'"},
          {"f|fieldref|cased: g", "'aB', 'g': 'aB'", "'ab', 'g': 'aB'"},
          {"f|fieldref|contains|cased: g", "'xaBx', 'g': 'aB'", "'xabx', 'g': 'aB'"},
          {"f|fieldref: [g, h]", "'a', 'h': 'a'", "'a', 'g': 'b'"},
          {"f|fieldref|all: [g, h]", "'a', 'g': 'a', 'h': 'a'", "'a', 'g': 'a'"},
          // Any element of either side.
          {"f|fieldref: k", "'a', 'k': ['b','A'] | ['x','a'], 'k': ['a'] | 5, 'k': [4,5]",
           "'a', 'k': ['b'] | 'a', 'k': [] | ['x'], 'k': ['a'] | 'a', 'k': [['a']]"},
          {"f|fieldref|contains: k", "'abc', 'k': ['x','b']", "'abc', 'k': ['x']"},
          {"f|fieldref|neq: k", "'a', 'k': ['b']", "'a', 'k': ['b','a']"},
          {"f|expand: '%admins%'", "'root' | 'admin' | 'ADMX'", "'%admins%' | 'bob' | 'xroot'"},
          {"f|expand: 'do %admins% via %tools%'", "'do root via nmap' | 'do adm1 via HYDRA'",
           "'do root via ssh' | 'do %admins% via nmap'"},
          {"f|expand|contains: 'x%tools%'", "'a xnmap b'", "'nmap'"},
          {"f|expand|contains|all: ['%tools%', '%admins%']", "'nmap of root'", "'nmap' | 'root'"},
          {"f|expand: ['%tools%', other]", "'nmap' | 'other'", "'x'"},
          {"f|expand: '50% of 100%'", "'50% of 100%'", "'50'"},
          {"f|expand: '100%'", "'100%'", "'100'"},
          {R"(f|expand: 'C:\Users\%admins%\x')", R"('c:\\users\\root\\X')", "'root'"},
          {"f: '%admins%'", "'%admins%'", "'root'"},
      },
      one_item);
}

TEST(MatcherTable, Encodings) {
  expect_rows(
      {
          {"f|windash: '-a /b'", "'-a -b' | '/a /b' | '\u2013a \u2014b' | '\u2015a -b'",
           "'a b' | '--a -b'"},
          {"f|windash|contains: ' -enc'", "'x /enc y' | 'x \u2013ENC'", "'x-enc'"},
          {"f|contains|windash|all: [' -a', ' -b']", "'x /a -b' | 'x \u2014b \u2015a'", "'x /a'"},
          {"f|windash: [' -a', b]", "' /a' | 'b'", "'/b'"},
          {"f|windash: a-b", "'a-b'", "'a/b'"},
          {"f|windash: 4-4", "'4-4'", "'4/4'"},
          {"f|base64: foo", "'Zm9v'", "'foo' | 'Zm9vYg=='"},
          {"f|base64|contains: foob", "'xx Zm9vYg== yy'", "'Zm9vYmFy'"},
          {"f|base64|cased: foo", "'Zm9v'", "'zm9v'"},
          {"f|base64offset|contains: http://",
           "'aHR0cDovL3p6' | 'eGh0dHA6Ly96eg==' | 'eHlodHRwOi8veno='", "'http://'"},
          {"f|base64offset|contains|all: [foobar, bazqux]", "'Zm9vYmFy YmF6cXV4'", "'Zm9vYmFy'"},
          {"f|wide|base64offset|contains: ping",
           "'cABpAG4AZwB6eg==' | 'eHAAaQBuAGcAeno=' | 'eHlwAGkAbgBnAHp6'", "'cGluZw=='"},
          {"f|utf16le|base64: a", "'YQA='", "'AGE='"},
          {"f|utf16be|base64: a", "'AGE='", "'YQA='"},
          {"f|utf16|base64: a", "'//5hAA=='", "'YQA='"},
          {"f|windash|base64: '-a'", "'LWE=' | 'L2E='", "'-a'"},
          {"f|expand|base64: '%tools%'", "'bm1hcA==' | 'aHlkcmE='", "'nmap'"},
          {"f|base64: 12", "'MTI='", "12"},
      },
      one_item);
}

TEST(MatcherTable, FieldlessItems) {
  expect_rows(
      {
          {" evil", "'an EVIL thing' | ['x',{'k':'evil'}] | {'a':{'b':'evil'}} | 1, 'g': 'evil'",
           "'ev il' | {'evil':1} | - | null"},
          {" [evil, worse]", "'evil' | 'worse'", "'bad'"},
          {"\n    - evil\n    - 'a*b'", "'xevilx' | 'xaybx'", "'a'"},
          {"\n    - 42", "'x42y'", "42 | 'x'"},
          {"\n    '|all': [evil, worse]", "'evil worse' | 'evil', 'g': 'worse'", "'evil'"},
          {"\n    '|all':\n      - evil\n      - worse\n    g: 1", "'evil worse', 'g': 1",
           "'evil worse' | 'evil', 'g': 1"},
          {"\n    '|contains|all': [evil, worse]", "'evil worse'", "'worse'"},
          {"\n    '|re': '^a+$'", "'aaa' | {'k':'a'}", "'ab' | 'A'"},
          {"\n    '|re|i': '^a+$'", "'aA'", "'ab'"},
          {"\n    '|cased': Evil", "'an Evil thing'", "'evil'"},
          {"\n    '|startswith': evil", "'evil thing' | 'x', 'g': 'evil'", "'an evil'"},
          {"\n    '|endswith': evil", "'an evil'", "'evil thing'"},
          {"\n    '|neq': evil", "'good' | - | null", "'evil' | 'x', 'g': 'evil'"},
          {"\n    '|base64offset|contains': foobar", "'xxZm9vYmFyxx'", "'foobar'"},
          {"\n    '|windash': ' -a'", "'x /a y'", "'a'"},
          {"\n    '|expand': '%tools%'", "'run nmap now'", "'x'"},
          {R"(
    - 'C:\x\*')",
           R"('see C:\\x* here')", R"('C:\\x\\y')"},
          // Lists of maps, of texts, and of both are alternatives.
          {"\n    - f: a\n    - g: 1", "'a' | 'b', 'g': 1", "'b'"},
          {"\n    - f: a\n      g: 1\n    - f: b", "'a', 'g': 1 | 'b'", "'a' | 'c'"},
          {"\n    - evil\n    - f: a\n      g: 1", "'evil' | 'a', 'g': 1", "'a'"},
          {"\n    - '|all': [evil, worse]\n    - f: a", "'evil worse' | 'a'", "'evil'"},
          {" {f: a, g: 1}", "'a', 'g': 1", "'a' | 'b', 'g': 1"},
          {" {f|contains: a, f|endswith: b}", "'xab' | ['ax','xb']", "'ax' | 'b'"},
      },
      one_selection);
}

TEST(MatcherTable, Conditions) {
  const std::string three = "  a: {f|contains: a}\n  b: {f|contains: b}\n  c: {f|contains: c}\n";
  const std::string named =
      "  sel_x: {f|contains: a}\n  sel_y: {f|contains: b}\n  _sel_z: {f|contains: c}\n";
  expect_rows(
      {
          {three + "  condition: a or b and c\n", "'a' | 'bc'", "'b' | 'c' | 'x'"},
          {three + "  condition: (a or b) and c\n", "'ac' | 'bc'", "'a' | 'ab' | 'c'"},
          {three + "  condition: not a and b\n", "'b' | 'bc'", "'ab' | 'x'"},
          {three + "  condition: not (a and b)\n", "'a' | 'x' | -", "'ab'"},
          {three + "  condition: a and not b and not c\n", "'a'", "'ab' | 'ac'"},
          {three + "  condition: not not a\n", "'a'", "'b'"},
          {three + "  condition: a AND (b OR NOT c)\n", "'ab' | 'a'", "'ac' | 'b'"},
          {three + "  condition: 1 of them\n", "'a' | 'b' | 'c'", "'x' | -"},
          {three + "  condition: all of them\n", "'cab'", "'ab'"},
          {three + "  condition: All Of Them\n", "'cab'", "'ab'"},
          {three + "  condition: any of them\n", "'a'", "'x'"},
          {three + "  condition: 2 of them\n", "'ab' | 'bc' | 'ac' | 'abc'", "'a' | 'b' | 'x'"},
          {three + "  condition: not 1 of them\n", "'x' | -", "'a'"},
          {three + "  condition: a and 1 of b*\n", "'ab'", "'a' | 'b'"},
          {three + "  condition: [a and b, c]\n", "'ab' | 'c'", "'a' | 'b'"},
          {three + "  condition: >\n    a\n    and b\n", "'ab'", "'a' | 'b'"},
          {three + "  condition: \"a\\tand\\nb\"\n", "'ab'", "'a'"},
          {named + "  condition: 1 of sel_*\n", "'a' | 'b'", "'c'"},
          {named + "  condition: all of sel_*\n", "'ab'", "'a' | 'ac'"},
          {named + "  condition: 1 of sel_x\n", "'a'", "'b'"},
          {named + "  condition: 1 of *_y\n", "'b'", "'a' | 'c'"},
          {named + "  condition: 1 of s*_y\n", "'b'", "'a' | 'c'"},
          {named + "  condition: 1 of them\n", "'a' | 'b'", "'c'"},
          {named + "  condition: all of them\n", "'ab'", "'a'"},
          {named + "  condition: 1 of *\n", "'a' | 'b'", "'c'"},
          {named + "  condition: _sel_z\n", "'c'", "'ab'"},
          {named + "  condition: 1 of _sel*\n", "'c'", "'ab'"},
          {"  sel-1.x/\u00e9: {f: a}\n  'all': {f: b}\n  condition: sel-1.x/\u00e9 or all\n",
           "'a' | 'b'", "'c'"},
          {"  Sel: {f: a}\n  sel: {f: b}\n  condition: Sel\n", "'a'", "'b'"},
          {"  1: {f: a}\n  condition: 1\n", "'a'", "'b'"},
      },
      one_detection);
}

TEST(MatcherTable, PathsGoOnInTheElementsOfLists) {
  expect_rows(
      {{"f.p: 2",
        "{'p': 2} | [{'p': 1}, {'p': 2}] | [{'p': [1, 2]}] | [[{'p': 2}]] | "
        "[{'p': 1}, {'p': [3, 2]}] | [1, {'p': 2}, 'x']",
        "{'p': 1} | [{'p': 1}, {'q': 2}] | [] | [2] | [{'p': {'p': 2}}] | "
        "[{'p': 1}, {'p': [[2]]}]"},
       {"f.p.q|contains: 'b\"c'", "[{'p': {'q': 'x'}}, {'p': [{'q': 1}, {'q': 'ab\\'cd'}]}]",
        "[{'p': {'q': 'x'}}, {'p': [{'r': 'ab\\'cd'}]}] | [{'p': {'q': 'ab'}}, {'p': 'c'}]"},
       {"f.p|neq: 2", "[{'p': 1}, {'p': 3}] | [{'q': 2}] | []",
        "[{'p': 1}, {'p': 2}] | [{'p': []}, {'p': 2}]"}},
      one_item);
}

}  // namespace
}  // namespace picket
