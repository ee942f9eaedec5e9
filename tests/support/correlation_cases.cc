#include "tests/support/correlation_cases.h"

#include "tests/support/engine_run.h"

namespace picket {

std::string correlation_rules(const std::string& body) {
  std::string text;
  for (const char* name : {"a", "b", "c", "d"}) {
    std::string n = name;
    text += "title: " + n + "\nname: " + n + "\nlogsource: {product: test}\ndetection: {s: {e: [" +
            n + (n == "a" || n == "b" ? ", ab" : "") + "]}, condition: s}\n---\n";
  }
  return text + "title: T\nname: t\ncorrelation:\n  group-by: [who]\n  timespan: 10s\n" + body;
}

std::string opened(const std::vector<AlertEvent>& events) {
  std::string text;
  for (const AlertEvent& event : events) {
    if (event.change != AlertChange::Opened) continue;
    text += std::to_string(to_ms(event.alert.starts_at)) + " ";
  }
  return text;
}

std::string event_line(const TestEvent& event) {
  const auto& [time, name, f] = event;
  return test_line(time, name, "w", f.empty() ? "" : ",\"f\":" + f);
}

std::string opened(const std::string& body, const std::vector<TestEvent>& events) {
  EngineRun run(make_rules(correlation_rules(body)));
  for (const TestEvent& event : events) run.lines(event_line(event));
  run.finish();
  return opened(run.events);
}

std::string problem(const std::string& body) {
  auto rules = try_rules(correlation_rules(body), {kTestSchema});
  if (!rules) return rules.error().front().message;
  return (*rules)->rejected().empty() ? "" : (*rules)->rejected().front().message;
}

}  // namespace picket
