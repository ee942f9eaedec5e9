// Engine against tests/reference/naive_correlate: random correlations x random streams of events,
// and all short streams for each type.
//
// PICKET_RANDOM_STREAMS is the number of random streams, PICKET_STREAM_LENGTH the length up to
// which all streams are tried; the defaults keep the suite quick. A disagreement is made smaller,
// by leaving out events and then documents, and printed as files that replay it.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <set>

#include "tests/support/correlation_case.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

size_t setting(const char* name, size_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

struct Stream {
  std::vector<std::string> lines{};
  Duration lateness{0};
  size_t per_batch = 1;
};

// Both readings of one rule text.
class Judges {
 public:
  explicit Judges(const std::vector<std::string>& documents) {
    for (const std::string& document : documents) text_ += "---\n" + document;
    auto made = try_rules(text_, {kRawEventSchema});
    if (made && (*made)->rejected().empty()) {
      rules_ = *made;
      specs_ = read_rule_text(text_);
    } else {
      refusal_ = made ? render((*made)->rejected().front()) : render(made.error().front());
    }
  }

  bool loaded() const { return rules_ != nullptr; }
  const std::string& refusal() const { return refusal_; }
  const std::string& text() const { return text_; }

  // Nothing when they agree.
  std::string difference(const Stream& stream) {
    std::vector<NaiveEvent> events;
    Timestamp newest = Timestamp::min();
    for (const std::string& line : stream.lines) {
      events.push_back(raw_event(line));
      newest = std::max(newest, events.back().time);
    }
    const std::string expected = to_text(naive_correlate(specs_, events, stream.lateness));
    std::vector<NaiveAlert> found =
        engine_alerts(rules_, stream.lines, stream.per_batch, stream.lateness);
    for (NaiveAlert& alert : found) {
      // Whether the end of the input ends alerts is no matter of rules.
      if (alert.ends_at && *alert.ends_at >= newest) alert.ends_at.reset();
    }
    alerts_ += found.size();
    const std::string text = to_text(found);
    if (text == expected) return {};
    return "the reference says\n" + expected + "picket says\n" + text;
  }
  size_t alerts() const { return alerts_; }

 private:
  std::string text_;
  std::string refusal_;
  std::shared_ptr<const RuleSet> rules_;
  RuleDocuments specs_;
  size_t alerts_ = 0;
};

// The smallest part of a disagreement that leaving out one thing at a time leads to.
std::string shrunk(std::vector<std::string> documents, Stream stream) {
  for (size_t i = 0; i < stream.lines.size();) {
    Stream less = stream;
    less.lines.erase(less.lines.begin() + static_cast<ptrdiff_t>(i));
    if (Judges(documents).difference(less).empty()) {
      ++i;
    } else {
      stream = less;
      i = 0;
    }
  }
  // Only the outermost rule can go: without what refers to them, the others would alert.
  std::vector<std::string> less = documents;
  std::erase_if(less, [](const auto& document) { return document.starts_with("title: outer"); });
  if (!Judges(less).difference(stream).empty()) documents = less;
  Judges judges(documents);
  std::string text = fmt::format("lateness {} ms, {} lines a batch\nrule.yml\n{}events.ndjson\n",
                                 stream.lateness.count(), stream.per_batch, judges.text());
  for (const std::string& line : stream.lines) text += line + "\n";
  return text + judges.difference(stream);
}

std::string line_at(int64_t ms, const std::string& members) {
  return fmt::format(R"({{"timestamp":"{}"{}}})",
                     format_rfc3339(timestamp_ms(1'772'366'400'000 + ms)), members);
}

std::string detection(const std::string& name) {
  return fmt::format("title: {0}\nname: {0}\ndetection: {{s: {{e|contains: {0}}}, condition: s}}\n",
                     name);
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::vector<std::string> documents() {
    std::vector<std::string> out = {correlation("inner", {"a", "b", "c"})};
    if (below(3) == 0) {
      std::string over = below(2) == 0 ? "[inner]" : "[inner, b]";
      out.push_back("title: outer\nname: outer\ncorrelation:\n  type: " +
                    pick({"event_count", "temporal_ordered", "temporal"}) + "\n  rules: " + over +
                    "\n" + grouping() + "  timespan: " + pick({"3s", "20s"}) + "\n");
      if (out.back().find("event_count") != std::string::npos) {
        out.back() += "  condition: {" + pick({"gte: 1", "gte: 2", "lt: 2"}) + "}\n";
      }
      if (over == "[inner]" && below(2) == 0) out.back() += "  generate: true\n";
      if (over != "[inner]") fed_.insert("b");
    }
    for (const std::string& name : fed_) out.push_back(detection(name));
    return out;
  }

  Stream stream() {
    Stream out;
    std::vector<std::pair<int64_t, std::string>> events;
    int64_t at = 0;
    for (size_t n = 1 + below(12); n > 0; --n) {
      at += steps_[below(steps_.size())];
      events.emplace_back(at, members());
    }
    if (below(2) == 0) events.emplace_back(at + 100'000, R"(,"e":"tick")");
    out.lateness = Duration(below(3) == 0 ? 5000 : 0);
    if (out.lateness > Duration(0)) disturb(events);
    for (const auto& [time, rest] : events) out.lines.push_back(line_at(time, rest));
    out.per_batch = 1 + below(4);
    return out;
  }

  size_t below(size_t bound) { return random_() % bound; }
  std::string pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

 private:
  // Changes the order of arrival only where no event comes too late.
  void disturb(std::vector<std::pair<int64_t, std::string>>& events) {
    for (size_t i = 0; i + 1 < events.size(); ++i) {
      const bool apart = events[i].first != events[i + 1].first;
      if (apart && events[i + 1].first - events[i].first <= 2500 && below(2) == 0) {
        std::swap(events[i], events[i + 1]);
        ++i;
      }
    }
  }

  std::string members() {
    std::string out = R"(,"e":")" + pick({"a", "b", "c", "ab", "bc", "abc", "a", "b"}) + "\"";
    out += pick({R"(,"u":"x")", R"(,"u":"x")", R"(,"u":"y")", R"(,"u":null)", "", R"(,"u":"")"});
    out += pick({R"(,"w":"x")", R"(,"w":"y")", ""});
    return out + pick({R"(,"v":1)", R"(,"v":2)", R"(,"v":3)", R"(,"v":"2.5")", R"(,"v":-1)",
                       R"(,"v":"n/a")", R"(,"v":null)", "", R"(,"v":10)"});
  }

  std::string grouping() { return pick({"", "  group-by: [u]\n", "  group-by: [u]\n"}); }

  std::string bounds() {
    return pick({"gte: 1", "gte: 2", "gte: 3", "gt: 1", "eq: 2", "neq: 0", "gte: 2, lte: 3",
                 "gt: 0.5, lt: 2.5", "lt: 2", "lte: 2", "eq: 0", "neq: 2", "gte: 0", "lt: 1",
                 "eq: 1", "gte: 1, neq: 2"});
  }

  std::string correlation(const std::string& name, std::vector<std::string> rules) {
    std::shuffle(rules.begin(), rules.end(), random_);
    rules.resize(1 + below(3));
    std::string text = fmt::format("title: {0}\nname: {0}\ncorrelation:\n", name);
    std::string type = pick({"event_count", "value_count", "value_sum", "value_avg", "value_median",
                             "value_percentile", "temporal", "temporal_ordered", "temporal",
                             "temporal_ordered", "own"});
    std::string picket;
    if (type == "own") {
      picket = own();
    } else {
      text += "  type: " + type + "\n  condition: " + condition(type, rules) + "\n";
    }
    fed_ = {"a", "b"};
    if (!picket.starts_with("#")) fed_ = {rules.begin(), rules.end()};
    if (!picket.starts_with("#"))
      text += "  rules: [" + fmt::format("{}", fmt::join(rules, ", ")) + "]\n";
    const bool timeless = !picket.empty() && picket.find("ratio") == picket.npos &&
                          picket.find("spike") == picket.npos &&
                          picket.find("sequential") == picket.npos;
    std::string aliases;
    for (const char* alias : {"a: u", "b: w"}) {
      const bool fed = std::find(fed_.begin(), fed_.end(), std::string(1, *alias)) != fed_.end();
      if (fed) aliases += std::string(aliases.empty() ? "" : ", ") + alias;
    }
    text += below(5) == 0 ? "  group-by: [g]\n  aliases: {g: {" + aliases + "}}\n"
            : timeless    ? "  group-by: [u]\n"
                          : grouping();
    // A sixtieth of it is a multiple of every `once_per`.
    const bool once = picket.find("once_per") != picket.npos;
    if (!timeless) {
      text += "  timespan: " + (once ? pick({"6s", "12s"}) : pick({"1s", "2s", "5s"})) + "\n";
    }
    text += "picket:\n";
    text += "  resolve_after: " + pick({"1s", "2s", "5s", "1m"}) + "\n";
    if (below(6) == 0) text += "  group_missing: empty\n";
    if (below(8) == 0) text += "  exceptions: [{match: {u: y}}, {match: {w: x, v: 1}}]\n";
    return text + picket;
  }

  std::string condition(const std::string& type, std::vector<std::string>& rules) {
    if (type == "value_percentile") {
      return "{field: v, percentile: " + pick({"0", "25", "50", "90", "100"}) + ", " + bounds() +
             "}";
    }
    if (type == "value_count" && below(3) == 0) return "{field: [v, w], " + bounds() + "}";
    if (type.starts_with("value")) return "{field: v, " + bounds() + "}";
    if (type == "event_count") return "{" + bounds() + "}";
    if (below(4) == 0) {
      // The same rule twice is one rule for `temporal`, and two steps where order counts.
      const bool twice = type == "temporal_ordered" && below(2) == 0;
      if (twice) rules.push_back(rules.front());
      const size_t wanted = 1 + below(rules.size());
      return fmt::format("{{{}: {}}}", pick({"gte", "gte", "eq"}), wanted);
    }
    return expression(type == "temporal_ordered", rules);
  }

  std::string expression(bool ordered, std::vector<std::string>& rules) {
    if (rules.size() == 1) {
      if (ordered) rules.push_back(rules.front());
      return ordered ? rules.front() : rules.front() + " or " + rules.front();
    }
    std::string text = rules[0];
    const bool negated = below(2) == 0;
    for (size_t i = 1; i < rules.size(); ++i) {
      const bool last = i + 1 == rules.size();
      text = "(" + text + ")" + (ordered || below(2) == 0 || (negated && last) ? " and " : " or ") +
             (negated && last ? "not " : "") + rules[i];
    }
    return text;
  }

  // Options of a type beyond Sigma; a leading '#' line says that they name the rules themselves.
  std::string own() {
    return pick(
        {"#\n  correlation: {type: absence, after: a, missing: b, within: 2s}\n",
         "#\n  correlation: {type: ratio, part: a, whole: b, gte: 0.5, min_events: 3}\n",
         "#\n  correlation: {type: ratio, part: a, whole: b, gte: 0.6, min_events: 2, " +
             pick({"once_per: 10ms", "rest_once_per: 20ms"}) + "}\n",
         "#\n  correlation: {type: sequential_test, failure: a, success: b, first_contact: " +
             pick({"v", "w", "[v, w]"}) + ", false_alarm: 0.05, missed: 0.2}\n",
         "#\n  correlation: {type: risk, scores: {a: 10, b: 3}, half_life: 3s, gte: 15}\n",
         "  correlation: {type: leaky_bucket, capacity: 2, leak: 2s}\n",
         "  correlation: {type: first_seen, field: v, learn: 2500ms, forget: 3500ms}\n",
         "  correlation: {type: spike, baseline: 20s, factor: 1.5, min_events: 2}\n"});
  }

  std::set<std::string> fed_;  // detections that something refers to: others would alert
  std::vector<int64_t> steps_ = {0, 0, 1, 500, 999, 1000, 1001, 2000, 3000, 5000};
  std::mt19937_64 random_;
};

TEST(EngineRandom, AgreesWithTheReferenceOnRandomStreams) {
  constexpr size_t kStreamsPerRule = 20;
  const size_t streams = setting("PICKET_RANDOM_STREAMS", 10'000);
  size_t alerts = 0;
  size_t compared = 0;
  for (uint64_t seed = 0; compared < streams; ++seed) {
    Generator generate(seed);
    const std::vector<std::string> documents = generate.documents();
    Judges judges(documents);
    ASSERT_TRUE(judges.loaded()) << judges.refusal() << "\n" << judges.text();
    for (size_t i = 0; i < kStreamsPerRule; ++i, ++compared) {
      const Stream stream = generate.stream();
      if (judges.difference(stream).empty()) continue;
      FAIL() << "seed " << seed << "\n" << shrunk(documents, stream);
    }
    alerts += judges.alerts();
  }
  EXPECT_GT(alerts, streams / 3);
}

// One rule text per type and way of deciding; two groups, two rules, windows of two seconds.
std::vector<std::vector<std::string>> small_rules() {
  const std::vector<std::string> types = {
      "type: event_count, condition: {gte: 2}",
      "type: event_count, condition: {eq: 2}",
      "type: event_count, condition: {lt: 2}",
      "type: event_count, condition: {eq: 0}",
      "type: value_count, condition: {field: v, gte: 2}",
      "type: value_count, condition: {field: v, lte: 1}",
      "type: value_sum, condition: {field: v, gte: 4}",
      "type: value_avg, condition: {field: v, gt: 1}",
      "type: value_median, condition: {field: v, eq: 1.5}",
      "type: value_percentile, condition: {field: v, percentile: 50, eq: 1}",
      "type: temporal",
      "type: temporal, condition: a and not b",
      "type: temporal_ordered",
      "type: temporal_ordered, condition: a and not b",
      "type: temporal_ordered, condition: {gte: 1}",
  };
  std::vector<std::vector<std::string>> out;
  const auto add = [&](const std::string& body, const std::string& picket) {
    out.push_back({detection("a"), detection("b"),
                   "title: r\nname: r\ncorrelation: {" + body + "group-by: [u]}\n" + picket});
  };
  const std::string rules = "rules: [a, b], ";
  for (const std::string& type : types) add(type + ", " + rules + "timespan: 2s, ", "");
  const auto add_own = [&](const std::string& body, const std::string& options) {
    add(body, "picket: {resolve_after: 2s, correlation: {type: " + options + "}}\n");
  };
  add_own("", "absence, after: a, missing: b, within: 2s");
  add_own("timespan: 2s, ", "ratio, part: a, whole: b, gte: 0.5, min_events: 2");
  add_own("timespan: 6s, ",
          "ratio, part: a, whole: b, gte: 0.6, min_events: 2, rest_once_per: 100ms");
  add_own("timespan: 6s, ", "ratio, part: a, whole: b, gte: 0.6, min_events: 2, once_per: 100ms");
  add_own("timespan: 2s, ",
          "sequential_test, failure: a, success: b, first_contact: v, false_alarm: 0.05, "
          "missed: 0.2");
  add_own("", "risk, scores: {a: 10, b: 4}, half_life: 2s, gte: 15");
  add_own(rules, "leaky_bucket, capacity: 1, leak: 1s");
  add_own(rules, "first_seen, field: v, learn: 1500ms, forget: 2500ms");
  add_own(rules + "timespan: 2s, ", "spike, baseline: 4s, factor: 1.5, min_events: 1");
  return out;
}

// Calls `visit` with every stream of `length` events. Which group comes first makes no difference.
void all_streams(size_t length, std::vector<int>& events,
                 const std::function<void(const std::vector<int>&)>& visit) {
  constexpr int kEvents = 12;  // 2 rules x 2 groups x 3 steps of time
  constexpr int kFirstEvents = 2;
  if (events.size() == length) return visit(events);
  for (int event = 0; event < (events.empty() ? kFirstEvents : kEvents); ++event) {
    events.push_back(event);
    all_streams(length, events, visit);
    events.pop_back();
  }
}

Stream small_stream(const std::vector<int>& events) {
  constexpr int64_t kSteps[] = {0, 1000, 2001};
  Stream stream{.per_batch = events.size() + 1};
  int64_t at = 0;
  for (const int event : events) {
    at += kSteps[event / 4];
    stream.lines.push_back(
        line_at(at, fmt::format(R"(,"e":"{}","u":"{}","v":{})", event % 2 == 0 ? "a" : "b",
                                event / 2 % 2 == 0 ? "x" : "y", 1 + (event + event / 4) % 2)));
  }
  stream.lines.push_back(line_at(at + 2002, R"(,"e":"tick")"));
  return stream;
}

TEST(EngineRandom, AgreesWithTheReferenceOnAllShortStreams) {
  const size_t longest = setting("PICKET_STREAM_LENGTH", 3);
  for (const std::vector<std::string>& documents : small_rules()) {
    Judges judges(documents);
    ASSERT_TRUE(judges.loaded()) << judges.refusal() << "\n" << judges.text();
    std::string problem;
    for (size_t length = 1; length <= longest && problem.empty(); ++length) {
      std::vector<int> events;
      all_streams(length, events, [&](const std::vector<int>& chosen) {
        if (!problem.empty()) return;
        const Stream stream = small_stream(chosen);
        if (!judges.difference(stream).empty()) problem = shrunk(documents, stream);
      });
    }
    EXPECT_EQ(problem, "");
    EXPECT_GT(judges.alerts(), 0U) << judges.text();
  }
}

}  // namespace
}  // namespace picket
