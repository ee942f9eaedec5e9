#include "daemon/rule_test_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "rules/json_writer.h"

namespace picket {
namespace {

using Results = std::span<const RuleTestResult>;

// Cuts the results, which are in the order of rules, into files in order of first appearance.
std::vector<std::vector<RuleTestResult>> by_file(const std::vector<RuleTestResult>& results) {
  std::vector<std::vector<RuleTestResult>> files;
  for (const RuleTestResult& result : results) {
    const auto known = std::find_if(files.begin(), files.end(), [&](const auto& file) {
      return file.front().where.file == result.where.file;
    });
    if (known == files.end()) {
      files.push_back({result});
    } else {
      known->push_back(result);
    }
  }
  return files;
}

size_t failures(Results results) {
  return static_cast<size_t>(std::count_if(results.begin(), results.end(),
                                           [](const auto& result) { return !result.passed(); }));
}

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

std::string problem_line(const Diagnostic& problem) {
  std::string text =
      fmt::format("{}:{}: {}", problem.where.file, problem.where.line, printable(problem.message));
  if (!problem.hint.empty()) text += " (" + printable(problem.hint) + ")";
  return text;
}

std::string counted(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// XML 1.0 has no way to write most control characters; append_printable() has made text of them.
std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string summary_text(const std::vector<RuleTestResult>& results) {
  std::string out;
  const auto files = by_file(results);
  for (const auto& file : files) {
    const size_t failed = failures(file);
    out += fmt::format("{}: {}, {}\n", file.front().where.file, counted(file.size(), "test"),
                       failed == 0 ? "all passed" : fmt::format("{} failed", failed));
    for (const RuleTestResult& result : file) {
      if (result.passed()) continue;
      out +=
          fmt::format("  FAILED {}: {}\n", printable(result.rule->title), printable(result.name));
      for (const Diagnostic& problem : result.problems) {
        out += "    " + problem_line(problem) + "\n";
      }
    }
  }
  const size_t failed = failures(results);
  return out + fmt::format("{} in {}: {} passed, {} failed\n", counted(results.size(), "test"),
                           counted(files.size(), "file"), results.size() - failed, failed);
}

std::string junit_xml(const std::vector<RuleTestResult>& results) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuites name=\"picket\" tests=\"{}\" failures=\"{}\">\n", results.size(),
                     failures(results));
  for (const auto& file : by_file(results)) {
    out += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n",
                       xml_text(file.front().where.file), file.size(), failures(file));
    for (const RuleTestResult& result : file) {
      out += fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\"",
                         xml_text(result.rule->title), xml_text(result.name),
                         xml_text(result.where.file), result.where.line);
      if (result.passed()) {
        out += "/>\n";
        continue;
      }
      out += fmt::format(">\n      <failure message=\"{}\">",
                         xml_text(result.problems.front().message));
      for (const Diagnostic& problem : result.problems) {
        out += xml_text(problem_line(problem)) + "\n";
      }
      out += "</failure>\n    </testcase>\n";
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

std::string to_json_line(const RuleTestResult& result) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("file", result.where.file);
  json.member("line", result.where.line);
  json.member("rule_id", result.rule->id.empty() ? result.rule->name : result.rule->id);
  json.member("title", result.rule->title);
  json.member("test", result.name);
  json.member("passed", result.passed());
  json.key("problems");
  json.begin_array();
  for (const Diagnostic& problem : result.problems) {
    json.begin_object();
    json.member("line", problem.where.line);
    json.member("message",
                problem.message + (problem.hint.empty() ? "" : " (" + problem.hint + ")"));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out + "\n";
}

}  // namespace picket
