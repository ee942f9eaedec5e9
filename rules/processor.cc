#include "rules/processor.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "rules/json_writer.h"
#include "rules/redact.h"

namespace picket {
namespace {

constexpr std::string_view kUnknownCause = "unknown";

}  // namespace

Processor::Processor(std::shared_ptr<const RuleSet> rules, EventObserver* observer, NanoClock clock)
    : rules_(std::move(rules)),
      observer_(observer),
      clock_(clock),
      decoder_(rules_->plans(), rules_->fields().size()),
      memos_(rules_->plans().plans.size()),
      message_field_(rules_->fields().find("error.message")),
      plans_(*rules_),
      match_counts_(rules_->rules().size()) {
  costs_.by_rule.resize(rules_->rules().size());
}

void Processor::process(LineBatch batch, const BatchContext& context, HitBatch& out) {
  out.source = std::move(batch);
  out.hits.clear();
  out.records.clear();
  out.dead.clear();
  out.refusals.clear();
  out.unknown_texts.clear();
  out.matches.clear();
  out.costs.clear();
  out.newest = Timestamp::min();
  out.first_schema = -1;
  out.stats = {};
  out_ = &out;
  if (out.source.kind == BatchKind::Lines) {
    lines(context);
  } else if (out.source.kind == BatchKind::OversizeLine) {
    out.stats.lines = 1;
    out.stats.bytes = out.source.oversize_length;
    dead_letter(DecodeError::TooLong, 0, out.source.bytes.view());
    ++out.stats.dead[static_cast<size_t>(DecodeError::TooLong)];
  }
  finish_counts();
}

void Processor::lines(const BatchContext& context) {
  const PaddedBytes& bytes = out_->source.bytes;
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  const char* limit = at + bytes.capacity() + PaddedBytes::kPadding;
  out_->stats.bytes += bytes.size();
  LineContext line{.fixed_schema = context.fixed_schema,
                   .arrival = out_->source.arrival,
                   .future_limit = context.future_limit};
  for (; at < end; ++line.index) {
    const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
    const char* stop = newline ? static_cast<const char*>(newline) : end;
    line.line = {at, static_cast<size_t>(stop - at)};
    line.readable = static_cast<size_t>(limit - at);
    ++out_->stats.lines;
    if (line.line.find_first_not_of(" \t\r") == std::string_view::npos) {
      ++out_->stats.blank;
    } else {
      DecodeError error = decoder_.decode(line, out_->stats, *this);
      if (error != DecodeError::None) dead_letter(error, line.index, line.line);
    }
    at = stop + 1;
  }
}

void Processor::dead_letter(DecodeError reason, uint32_t line, std::string_view text) {
  auto first = static_cast<uint32_t>(text.data() - out_->source.bytes.data());
  out_->dead.push_back({reason, line, first, static_cast<uint32_t>(text.size())});
}

template <class Run>
bool Processor::run_rule(RuleId rule, const Run& run) {
  constexpr uint32_t kSampleEvery = 64;
  RuleCost& cost = costs_.by_rule[rule];
  if (cost.evaluations++ == 0) costs_.run.push_back(rule);
  if (!clock_ || --costs_.until_sample > 0) return run();
  costs_.until_sample = kSampleEvery;
  const uint64_t start = clock_();
  const bool matched = run();
  cost.sampled_ns += clock_() - start;
  ++cost.samples;
  return matched;
}

void Processor::on_event(Event& event) {
  const SchemaRules& rules = rules_->for_schema(event.schema);
  if (out_->first_schema < 0) out_->first_schema = event.schema;
  MatchMemo& memo = memos_[event.schema];
  rules.facts.begin(memo);
  const Matcher::Subject subject{rules.facts, rules_->predicates(), event, memo};
  Refusal refusal;
  uint32_t named = rules.classifier.first(subject, [&](uint32_t rule, const auto& run) {
    return run_rule(rules.classifier_rules[rule], run);
  });
  bool refused = named != Matcher::kNone;
  if (refused) {
    refusal.rule = rules.classifier_rules[named];
    refusal.classification = &rules_->classification(refusal.rule);
    refusal.code = refusal.classification->code;
    if (refusal.code.empty()) refusal.code = event.get(BuiltinField::kErrorType).text();
    count_refusal(refusal);
    if (refusal.classification->cause == kUnknownCause) sample_unknown(event, refusal);
  }
  set_refusal_fields(event, refused ? &refusal : nullptr);
  if (refused) {
    for (FieldId field = BuiltinField::kCode; field <= BuiltinField::kScenario; ++field) {
      rules.facts.find_field(rules_->predicates(), event, memo, field);
    }
  }
  matched_.clear();
  rules.detections.match(subject, matched_, [&](uint32_t rule, const auto& run) {
    return run_rule(rules.detection_rules[rule], run);
  });
  out_->stats.regex_limits += event.regex_limits;
  event.regex_limits = 0;
  matched_rules_.clear();
  for (uint32_t index : matched_) matched_rules_.push_back(rules.detection_rules[index]);
  if (refused) matched_rules_.push_back(refusal.rule);
  if (!matched_rules_.empty()) {
    count_matches(matched_rules_);
    write_hit(subject);
  }
  if (event.timed && event.time > out_->newest) out_->newest = event.time;
  if (refused) matched_rules_.pop_back();
  if (observer_) observer_->on_event(event, refused ? &refusal : nullptr, matched_rules_);
}

void Processor::count_refusal(const Refusal& refusal) {
  ++out_->stats.refusals;
  std::string_view cause = refusal.classification->cause;
  for (RefusalCount& known : out_->refusals) {
    if (known.cause == cause && known.code == refusal.code) {
      ++known.count;
      return;
    }
  }
  // Codes come from the logs: past this many in one batch, further ones share an entry.
  bool full = out_->refusals.size() >= kRefusalSeriesMax;
  std::string_view code = full ? std::string_view("other") : refusal.code;
  if (full) {
    for (RefusalCount& known : out_->refusals) {
      if (known.cause == cause && known.code == code) {
        ++known.count;
        return;
      }
    }
  }
  out_->refusals.push_back({std::string(code), std::string(cause), 1});
}

void Processor::sample_unknown(Event& event, const Refusal& refusal) {
  std::string_view message;
  if (message_field_) message = event.get(*message_field_).text();
  // A status alone says nothing to write a rule for.
  if (message.empty() && refusal.code.starts_with("http:")) return;
  UnknownText seen{.code = std::string(refusal.code), .count = 1};
  seen.text = clip_utf8(without_secrets(message), kUnknownTextBytesMax);
  add_unknown_text(out_->unknown_texts, seen);
}

std::string_view Processor::without_secrets(std::string_view text) {
  const size_t found = redact(text, redacted_);
  out_->stats.secrets_redacted += found;
  return found > 0 ? std::string_view(redacted_) : text;
}

void Processor::count_matches(const std::vector<RuleId>& matched) {
  for (RuleId rule : matched) {
    if (match_counts_[rule]++ == 0) counted_.push_back(rule);
  }
}

void Processor::finish_counts() {
  std::sort(counted_.begin(), counted_.end());
  for (RuleId rule : counted_) {
    out_->matches.emplace_back(rule, match_counts_[rule]);
    match_counts_[rule] = 0;
  }
  counted_.clear();
  std::sort(costs_.run.begin(), costs_.run.end());
  for (RuleId rule : costs_.run) {
    RuleCost& cost = costs_.by_rule[rule];
    cost.rule = rule;
    out_->costs.push_back(cost);
    cost = {};
  }
  costs_.run.clear();
}

void Processor::write_hit(const Matcher::Subject& subject) {
  Event& event = subject.event;
  feeding_.clear();
  const SchemaRules& rules = rules_->for_schema(event.schema);
  for (RuleId rule : matched_rules_) {
    if (!rules_->feeds(rule).empty()) feeding_.push_back(rule);
    if (RuleId parted = rules_->background_feed(rule); parted != 0) feeding_.push_back(parted);
    for (const GuardedFeed& guarded : rules_->guarded_feeds(rule)) {
      bool feeds = rules.guards.matches(guarded.guard, subject);
      if (feeds) feeding_.push_back(guarded.feed);
    }
  }
  if (feeding_.empty()) return;
  const HitPlan& plan = plans_.find(event.schema, feeding_);
  if (!plan.foreground.rules.empty()) write_record(event, plan.foreground);
  if (plan.background.rules.empty()) return;
  Hit& hit = write_record(event, plan.background);
  hit.background = background_hash(hit, plan.background.quanta);
}

Hit& Processor::write_record(Event& event, const HitPlan::Part& part) {
  Hit& hit = out_->hits.emplace_back();
  hit.time = event.time;
  hit.newest_before = out_->newest;
  hit.line = event.line;
  hit.record = event.record;
  hit.first = static_cast<uint32_t>(out_->records.size());
  HitWriter writer(out_->records);
  writer.rules(part.rules);
  for (uint16_t capture : part.captures) {
    const Value& value = event.get(rules_->captures()[capture]);
    if (value.kind == ValueKind::Absent || value.kind == ValueKind::Null) continue;
    writer.capture(capture, without_secrets(value.text()));
  }
  writer.finish();
  hit.size = static_cast<uint32_t>(out_->records.size()) - hit.first;
  return hit;
}

uint64_t Processor::background_hash(const Hit& hit, const std::vector<Duration>& quanta) const {
  XXH64_hash_t hash = XXH3_64bits(out_->records.data() + hit.first, hit.size);
  for (Duration quantum : quanta) {
    const int64_t at = floor_div(to_ms(hit.time), quantum.count());
    hash = XXH3_64bits_withSeed(&at, sizeof(at), hash);
  }
  return std::max<uint64_t>(hash, 1);
}

}  // namespace picket
