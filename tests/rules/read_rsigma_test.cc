#include "rules/read_rsigma.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

// "cooldown evidence" of a rule with these lines, and what was said about them.
std::string read_with(const std::string& lines) {
  const RuleDocuments rules =
      read_text(lines + "\ntitle: t\ndetection: {s: {f: 1}, condition: s}\n");
  std::string text;
  for (const DetectionSpec& spec : rules.detections) {
    const PicketBlock& block = spec.head.picket;
    text += fmt::format("{} {}", block.cooldown.count(), block.evidence);
  }
  for (const Diagnostic& d : rules.rejected) {
    text += fmt::format("; {}:{} {} ({})", d.where.line, d.where.column, d.message, d.hint);
  }
  return text;
}

TEST(Rsigma, AttributesMeanTheSameOrAreReported) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "0 10"},
      {"custom_attributes: {rsigma.suppress: 5m, rsigma.window: sliding}", "300000 10"},
      {"rsigma.suppress: 5m", "300000 10"},
      {"rsigma.suppress: 5m\npicket: {cooldown: 1m, evidence: 3}", "60000 3"},
      {"rsigma.suppress: 5m\npicket: {evidence: 3}", "300000 3"},
      {"custom_attributes: {rsigma.suppress: 5m}\nrsigma.suppress: 1s", "1000 10"},
      {"custom_attributes: {rsigma.max_correlation_events: '25'}", "0 25"},
      {"rsigma.max_correlation_events: 5000", "0 1000"},
      {"rsigma.correlation_event_mode: none", "0 0"},
      {"rsigma.correlation_event_mode: refs\nrsigma.max_correlation_events: 4", "0 4"},
      {"rsigma.include_event: 'true'\nrsigma.action: alert\nother.attribute: 1", "0 10"},
      {"rsigma.window: tumbling",
       "0 10; 1:16 'rsigma.window: tumbling' is not followed (windows slide here, over the "
       "timespan)"},
      {"rsigma.gap: 5m",
       "0 10; 1:13 'rsigma.gap' is not followed (windows slide here, over the timespan)"},
      {"rsigma.action: reset",
       "0 10; 1:16 'rsigma.action: reset' is not followed (an alert stays open while its condition "
       "holds)"},
      {"custom_attributes:\n  rsigma.exemplars:\n    - {name: x, expect: match, event: {f: 1}}",
       "0 10; 3:5 the examples under 'rsigma.exemplars' are not run (write them as 'picket: "
       "{tests: "
       "[...]}')"},
      {"rsigma.timestamp_field: ts",
       "0 10; 1:25 'rsigma.timestamp_field' is not followed (the schema of a source says where its "
       "time is)"},
      {"rsigma.supress: 5m",
       "0 10; 1:1 'rsigma.supress' is not followed (did you mean 'suppress'?)"},
      {"rsigma.suppress: soon",
       "; 1:18 expected a duration, found 'soon' (a whole number and one of ms, s, m, h, d, w, for "
       "example 30s)"},
      {"rsigma.max_correlation_events: many",
       "; 1:32 'rsigma.max_correlation_events' must be a whole number ()"},
  };
  for (const auto& [lines, expected] : cases) EXPECT_EQ(read_with(lines), expected) << lines;
}

}  // namespace
}  // namespace picket
