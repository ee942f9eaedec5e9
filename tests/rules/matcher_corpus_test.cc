// Recorded events of Windows and CloudTrail through all rules of the public SigmaHQ collection: the
// compiled matcher and tests/reference/naive_match agree on every pair of an event and a rule.
//
// Neither events nor rules are part of this repository: the tests look for them beside the source
// tree and are skipped without them. PICKET_CORPUS_EVERY=1 takes every event; by default one in a
// few is taken, which keeps the suite quick.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "tests/reference/naive_match.h"
#include "tests/support/detection_match.h"
#include "tests/support/engine_run.h"
#include "tests/support/public_data.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

const fs::path kData = data_folder();

// No logsource, so that every rule applies; the places where collectors put the fields of an event.
const char kSchema[] = R"(
schema: corpus
recognise: [EventID]
roots: [Event.EventData, Event.System, EventData, winlog.event_data]
fields: {}
)";

std::vector<fs::path> files_in(const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Schema corpus_schema() {
  auto file = parse_yaml(kSchema, "schema.yaml");
  auto schema = parse_schema(*file);
  EXPECT_TRUE(schema);
  return *std::move(schema);
}

std::shared_ptr<const RuleSet> corpus_rules() {
  auto file = parse_yaml(sigma_rules_text(), "rules.yml");
  EXPECT_TRUE(file) << render(file.error().front());
  RuleDocuments documents;
  read_rules(*std::move(file), {}, documents);
  auto rules = RuleSet::make(std::move(documents), {corpus_schema()});
  EXPECT_TRUE(rules) << render(rules.error().front());
  for (const Diagnostic& problem : (*rules)->rejected()) {
    if (problem.severity == Severity::Error) std::printf("%s\n", render(problem).c_str());
  }
  return *rules;
}

class Corpus {
 public:
  Corpus() : rules_(corpus_rules()), match_(rules_), schema_(corpus_schema()) {}

  // One event as a line of JSON; false when the engines disagree.
  bool agrees(const std::string& line) {
    const auto record = parse_naive_json(line);
    const auto found = match_(line + "\n");
    EXPECT_TRUE(record && found.size() == 1) << line;
    if (!record || found.size() != 1) return false;
    const NaiveEvent event{.record = *record};
    NaiveMatcher matcher(event, context_);
    const auto& detections = rules_->documents().detections;
    bool same = true;
    for (uint32_t rule = 0; rule < detections.size(); ++rule) {
      const bool expected = matcher.matches(detections[rule].condition);
      const bool in = std::binary_search(found[0].begin(), found[0].end(), rule);
      matched_ += expected;
      if (in == expected) continue;
      same = false;
      ADD_FAILURE() << (expected ? "lost: " : "wrong: ") << detections[rule].head.title << "\n"
                    << dump(detections[rule].condition) << line;
    }
    ++events_;
    return same;
  }

  void report(size_t least_matches) const {
    const size_t rules = rules_->documents().detections.size();
    std::printf("%zu events x %zu rules, %zu matches\n", events_, rules, matched_);
    EXPECT_GE(rules, 3000U);
    EXPECT_GE(matched_, least_matches);
  }

 private:
  std::shared_ptr<const RuleSet> rules_;
  DetectionMatch match_;
  Schema schema_;
  NaiveContext context_{.schema = &schema_};
  size_t events_ = 0;
  size_t matched_ = 0;
};

size_t every(size_t fallback) {
  const char* text = std::getenv("PICKET_CORPUS_EVERY");
  return text ? std::max<size_t>(1, std::strtoull(text, nullptr, 10)) : fallback;
}

TEST(MatcherCorpus, AgreesOnRecordedWindowsEvents) {
  if (!fs::exists(kData / "windows")) GTEST_SKIP() << "no events at " << kData / "windows";
  Corpus corpus;
  const size_t step = every(20);
  size_t number = 0;
  for (const fs::path& file : files_in(kData / "windows", ".zip")) {
    std::istringstream lines(output_of(fmt::format("unzip -p '{}'", file.string())));
    for (std::string line; std::getline(lines, line);) {
      if (number++ % step == 0 && !corpus.agrees(line)) return;
    }
  }
  EXPECT_GT(number, 6000U);
  corpus.report(1);
}

TEST(MatcherCorpus, AgreesOnRecordedCloudTrailEvents) {
  const fs::path folder = kData / "cloudtrail/CloudTrail";
  if (!fs::exists(folder)) GTEST_SKIP() << "no events at " << folder;
  Corpus corpus;
  const size_t step = every(20);
  size_t number = 0;
  for (const fs::path& file : files_in(folder, ".json")) {
    const auto delivered = parse_naive_json(read_text_file(file.string()));
    ASSERT_TRUE(delivered) << file;
    for (const NaiveValue& record : delivered->members.at("Records").items) {
      if (number++ % step == 0 && !corpus.agrees(naive_json(record))) return;
    }
  }
  EXPECT_GT(number, 2000U);
  corpus.report(1);
}

}  // namespace
}  // namespace picket
