#include "rules/wire_correlations.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace picket {
namespace {

constexpr Duration kDefaultResolve{std::chrono::minutes(5)};

// An option as text, for meaning().
void put_node(const Node& node, std::string& out) {
  if (node.is_scalar()) out += node.text();
  for (const Node& item : node.items()) {
    put_node(item, out);
    out += ',';
  }
  for (const Node::Entry& entry : node.entries()) {
    out += entry.key.text() + ":";
    put_node(entry.value, out);
    out += ';';
  }
}

class Wiring {
 public:
  explicit Wiring(WiringParts parts)
      : parts_(parts),
        detections_(parts.documents.detections.size()),
        states_(parts.documents.correlations.size(), State::Untouched) {}

  void run() {
    for (size_t i = 0; i < states_.size(); ++i) visit(i);
    // One correlation that asks for the alerts of a rule is enough.
    std::set<RuleId> counted;
    std::set<RuleId> wanted;
    for (const CorrelationSpec& spec : parts_.documents.correlations) {
      for (const std::string& reference : spec.rules) {
        std::optional<RuleId> found = find(reference);
        if (found) (spec.generate ? wanted : counted).insert(*found);
      }
    }
    for (RuleId rule : counted) {
      if (!wanted.contains(rule)) silence(rule);
    }
    for (size_t i = 0; i < detections_; ++i) {
      const DetectionSpec& rule = parts_.documents.detections[i];
      if (rule.head.picket.classify || silent_.contains(static_cast<RuleId>(i))) continue;
      wire_single(rule, static_cast<RuleId>(i));
    }
  }

 private:
  enum class State : uint8_t { Untouched, Open, Good, Refused };

  void reject(Diagnostics why) { append(parts_.documents.rejected, std::move(why)); }

  const RuleHead& head(RuleId rule) const { return *parts_.rules[rule].head; }

  static const std::string& shown(const RuleHead& head) {
    return head.name.empty() ? head.id.empty() ? head.title : head.id : head.name;
  }

  // The rule called `reference` by name or id; detections come first.
  std::optional<RuleId> find(const std::string& reference) const {
    if (reference.empty()) return std::nullopt;
    for (size_t i = 0; i < parts_.rules.size(); ++i) {
      const RuleHead& known = head(static_cast<RuleId>(i));
      if (known.id == reference || known.name == reference) return static_cast<RuleId>(i);
    }
    return std::nullopt;
  }

  void silence(RuleId rule) {
    silent_.insert(rule);
    int program = parts_.rules[rule].correlation;
    if (rule >= detections_ && program >= 0) {
      parts_.correlations[static_cast<size_t>(program)].silent = true;
    }
  }

  // Wires correlation `i` after those that it refers to.
  State visit(size_t i) {
    if (states_[i] == State::Open) {
      refuse_cycle(i);
      return State::Refused;
    }
    if (states_[i] != State::Untouched) return states_[i];
    states_[i] = State::Open;
    path_.push_back(i);
    const CorrelationSpec& spec = parts_.documents.correlations[i];
    std::optional<std::string> lost;
    for (const std::string& reference : spec.rules) {
      std::optional<RuleId> found = find(reference);
      if (!found || *found < detections_) continue;
      if (visit(*found - detections_) == State::Refused) lost = reference;
    }
    path_.pop_back();
    if (states_[i] == State::Refused) return State::Refused;  // part of a cycle
    State state = State::Refused;
    if (lost) {
      reject(one(spec,
                 fmt::format("the correlation refers to '{}', which could not be loaded", *lost)));
    } else if (auto made = wire(spec, static_cast<RuleId>(detections_ + i)); !made) {
      reject(std::move(made).error());
    } else {
      state = State::Good;
    }
    return states_[i] = state;
  }

  static Diagnostics one(const CorrelationSpec& spec, std::string message, std::string hint = {}) {
    return fail(spec.head.where, std::move(message), std::move(hint)).error();
  }

  void refuse_cycle(size_t closing) {
    auto first = std::find(path_.begin(), path_.end(), closing);
    std::string names;
    for (auto it = first; it != path_.end(); ++it) {
      names += shown(parts_.documents.correlations[*it].head) + " -> ";
    }
    names += shown(parts_.documents.correlations[closing].head);
    for (auto it = first; it != path_.end(); ++it) {
      if (states_[*it] == State::Refused) continue;
      states_[*it] = State::Refused;
      reject(one(parts_.documents.correlations[*it], "the correlation refers to itself: " + names,
                 "a correlation can only count rules that do not depend on it"));
    }
  }

  // The rules of `spec`, resolved, in its order.
  Result<std::vector<RuleId>> resolve(const CorrelationSpec& spec) const {
    if (spec.rules.empty()) return fail(spec.head.where, "the correlation names no rules");
    if (spec.rules.size() > kRolesMax) {
      return fail(spec.head.where, fmt::format("the correlation names {} rules; at most {} can be",
                                               spec.rules.size(), kRolesMax));
    }
    std::vector<RuleId> found;
    for (const std::string& reference : spec.rules) {
      std::optional<RuleId> rule = find(reference);
      if (!rule) return unknown_reference(spec, reference);
      found.push_back(*rule);
    }
    return found;
  }

  // An alias for a rule that is not counted is nearly always a typo in its name.
  void check_aliases(const CorrelationSpec& spec, const std::vector<RuleId>& resolved) {
    for (const FieldAlias& alias : spec.aliases) {
      for (const auto& [reference, field] : alias.fields) {
        const auto meant = [&, &name = reference](RuleId rule) {
          return head(rule).id == name || head(rule).name == name;
        };
        if (std::any_of(resolved.begin(), resolved.end(), meant)) continue;
        parts_.documents.rejected.push_back(
            {spec.head.where,
             fmt::format("alias '{}' is for '{}', which is none of the counted rules", alias.alias,
                         reference),
             "", Severity::Warning});
      }
    }
  }

  Result<int> wire(const CorrelationSpec& given, RuleId rule) {
    PICKET_TRY(std::vector<RuleId> resolved, resolve(given));
    check_aliases(given, resolved);
    CorrelationSpec spec = given;
    // One rule that is named in two ways is still one rule.
    for (size_t i = 0; i < resolved.size(); ++i) {
      auto first = std::find(resolved.begin(), resolved.end(), resolved[i]) - resolved.begin();
      spec.rules[i] = spec.rules[static_cast<size_t>(first)];
      const RuleHead& named = head(resolved[i]);
      spec.other_names.push_back(spec.rules[i] == named.name ? named.id : named.name);
    }
    PICKET_TRY(auto correlator, make_correlator(spec));
    PICKET_TRY(std::optional<uint32_t> guard, make_guard(given, resolved));
    CorrelationProgram program;
    program.rule = rule;
    program.memory = correlator->memory(spec.timespan);
    program.resolve_after = spec.head.picket.resolve_after.value_or(spec.timespan);
    program.first_roles = correlator->first_roles();
    program.needs_value = !spec.condition.fields.empty();
    program.needs_numbers = correlator->wants_numbers();
    program.takes_valueless = correlator->wants_valueless_hits();
    program.correlator = std::move(correlator);
    program.group_by = spec.group_by;
    for (const std::string& field : spec.group_by) {
      program.group_labels.push_back(field == "actor" ? std::string() : label_name(field));
    }
    const Background background = program.correlator->background();
    auto index = static_cast<uint32_t>(parts_.correlations.size());
    for (size_t i = 0; i < resolved.size(); ++i) {
      if (std::find(resolved.begin(), resolved.begin() + static_cast<ptrdiff_t>(i), resolved[i]) !=
          resolved.begin() + static_cast<ptrdiff_t>(i)) {
        continue;
      }
      Feed feed = make_feed(spec, resolved[i]);
      feed.correlation = index;
      feed.roles = 0;
      for (size_t k = i; k < resolved.size(); ++k) {
        if (resolved[k] == resolved[i]) feed.roles |= uint64_t{1} << k;
      }
      if ((feed.roles & ~background.roles) == 0) feed.quantum = background.quantum;
      add_feed(resolved[i], std::move(feed), guard);
    }
    parts_.correlations.push_back(std::move(program));
    parts_.rules[rule].correlation = static_cast<int>(index);
    return static_cast<int>(index);
  }

  // The guard for the exceptions of `spec`, which look at events, and at matches of correlations as
  // far as these carry fields.
  Result<std::optional<uint32_t>> make_guard(const CorrelationSpec& spec,
                                             const std::vector<RuleId>& resolved) {
    if (spec.head.picket.exceptions.empty()) return std::nullopt;
    if (auto problem = check_carried(spec, resolved)) return std::unexpected(*std::move(problem));
    PICKET_TRY(CompiledCondition condition,
               compile_condition(no_exception(spec.head.picket.exceptions), parts_.predicates,
                                 parts_.fields, spec.head.where));
    auto guard = static_cast<uint32_t>(parts_.guards.size());
    parts_.guards.push_back(std::move(condition));
    return guard;
  }

  // An exception on a field that nothing carries would never apply, and nobody would notice.
  std::optional<Diagnostics> check_carried(const CorrelationSpec& spec,
                                           const std::vector<RuleId>& resolved) const {
    std::vector<std::string> carried;
    for (RuleId rule : resolved) {
      if (rule < detections_) return std::nullopt;
      const auto& program =
          parts_.correlations[static_cast<size_t>(parts_.rules[rule].correlation)];
      carried.insert(carried.end(), program.group_by.begin(), program.group_by.end());
    }
    for (const RuleException& exception : spec.head.picket.exceptions) {
      std::optional<std::string> strange = not_among(carried, exception.match);
      if (!strange) continue;
      return one(spec,
                 fmt::format("an exception looks at '{}', which no match that this correlation "
                             "counts carries",
                             *strange),
                 carried.empty() ? "the rules that it counts group by nothing; give the exception "
                                   "to them"
                                 : fmt::format("matches carry what their rules group by: {}; or "
                                               "give the exception to those rules",
                                               fmt::join(carried, ", ")));
    }
    return std::nullopt;
  }

  // A field that `tree` looks at and that is not one of `fields`.
  static std::optional<std::string> not_among(const std::vector<std::string>& fields,
                                              const MatchTree& tree) {
    const std::string& name = tree.leaf.field;
    if (tree.kind == MatchTree::Kind::Leaf && !name.empty() &&
        std::find(fields.begin(), fields.end(), name) == fields.end()) {
      return name;
    }
    for (const MatchTree& child : tree.children) {
      if (auto strange = not_among(fields, child)) return strange;
    }
    return std::nullopt;
  }

  Feed make_feed(const CorrelationSpec& spec, RuleId from) {
    Feed feed;
    for (const std::string& field : spec.group_by) feed.group.push_back(place(spec, field, from));
    for (const std::string& field : spec.condition.fields) {
      feed.value.push_back(place(spec, field, from));
    }
    return feed;
  }

  // Where hits of rule `from` carry what `spec` calls `name`.
  uint16_t place(const CorrelationSpec& spec, const std::string& name, RuleId from) {
    std::string field = field_for(spec, name, head(from));
    if (from < detections_) return capture(field);
    const std::vector<std::string>& there =
        parts_.correlations[static_cast<size_t>(parts_.rules[from].correlation)].group_by;
    auto it = std::find(there.begin(), there.end(), field);
    return it == there.end() ? kNoCapture : static_cast<uint16_t>(it - there.begin());
  }

  uint16_t capture(const std::string& name) {
    FieldId field = parts_.fields.intern(name);
    auto it = std::find(parts_.captures.begin(), parts_.captures.end(), field);
    auto index = static_cast<uint16_t>(it - parts_.captures.begin());
    if (it == parts_.captures.end()) parts_.captures.push_back(field);
    return index;
  }

  void add_feed(RuleId from, Feed feed, std::optional<uint32_t> guard) {
    if (!guard) {
      parts_.feeds[from].push_back(std::move(feed));
      return;
    }
    auto id = static_cast<RuleId>(parts_.feeds.size());
    parts_.feeds.push_back({std::move(feed)});
    parts_.guarded[from].push_back({id, *guard});
  }

  std::unexpected<Diagnostics> unknown_reference(const CorrelationSpec& spec,
                                                 const std::string& reference) const {
    std::vector<std::string> known;
    for (const RuleInfo& rule : parts_.rules) {
      if (!rule.head->name.empty()) known.push_back(rule.head->name);
    }
    std::optional<std::string> near = nearest(reference, known);
    return fail(spec.head.where, "the correlation refers to '" + reference + "', which is no rule",
                near ? "did you mean '" + *near + "'?" : "");
  }

  // The field that `name` stands for in hits of one rule: itself, or what an alias says.
  static std::string field_for(const CorrelationSpec& spec, const std::string& name,
                               const RuleHead& from) {
    for (const FieldAlias& alias : spec.aliases) {
      if (alias.alias != name) continue;
      for (const auto& [rule, field] : alias.fields) {
        if (rule == from.name || rule == from.id) return field;
      }
    }
    return name;
  }

  // A detection that no correlation counts alerts by itself, once per actor and quiet period.
  void wire_single(const DetectionSpec& rule, RuleId id) {
    CorrelationSpec spec;
    spec.head = rule.head;
    spec.type = "event_count";
    spec.timespan = kDefaultResolve;
    spec.condition.bounds = {{Comparison::GreaterEqual, 1.0}};
    auto correlator = make_correlator(spec);
    if (!correlator) {
      reject(std::move(correlator).error());
      return;
    }
    CorrelationProgram program;
    program.rule = id;
    program.correlator = *std::move(correlator);
    program.memory = spec.timespan;
    program.resolve_after = rule.head.picket.resolve_after.value_or(kDefaultResolve);
    program.group_by = {"actor"};
    program.group_labels = {std::string()};
    auto index = static_cast<uint32_t>(parts_.correlations.size());
    parts_.correlations.push_back(std::move(program));
    parts_.rules[id].correlation = static_cast<int>(index);
    parts_.feeds[id].push_back({index, 1, {EvidenceCapture::kActor}, {}});
  }

  WiringParts parts_;
  size_t detections_;
  std::vector<State> states_;  // by correlation
  std::vector<size_t> path_;   // of correlations being visited
  std::set<RuleId> silent_;    // rules that a correlation counts instead
};

}  // namespace

void prepare_correlations(RuleDocuments& documents) {
  std::erase_if(documents.correlations, [&](CorrelationSpec& spec) {
    auto prepared = prepare_correlation(spec);
    if (!prepared) append(documents.rejected, std::move(prepared).error());
    return !prepared;
  });
}

void wire_correlations(WiringParts parts) { Wiring(parts).run(); }

std::string meaning(const CorrelationSpec& spec) {
  std::string text = fmt::format("{}|{}|", spec.type, spec.timespan.count());
  for (const auto& rule : spec.rules) text += rule + ",";
  for (const auto& field : spec.group_by) text += field + ";";
  for (const auto& [comparison, bound] : spec.condition.bounds) {
    text += fmt::format("{}:{};", static_cast<int>(comparison), bound);
  }
  for (const auto& field : spec.condition.fields) text += field + ",";
  for (const FieldAlias& alias : spec.aliases) {
    text += alias.alias + "=";
    for (const auto& [rule, field] : alias.fields) text += rule + ":" + field + ",";
  }
  if (spec.condition.percentile > 0) text += fmt::format("p{}", spec.condition.percentile);
  if (!spec.condition.expression.empty()) text += "?" + spec.condition.expression;
  if (spec.options != nullptr) put_node(*spec.options, text);
  return text + spec.head.id + "|" + spec.head.name;
}

MatchTree no_exception(const std::vector<RuleException>& exceptions) {
  MatchTree any{.kind = MatchTree::Kind::Or};
  for (const RuleException& exception : exceptions) {
    MatchTree both{.kind = MatchTree::Kind::And};
    both.children.push_back(exception.match);
    if (exception.expires) {
      MatchTree before{.kind = MatchTree::Kind::Leaf};
      before.leaf.op = MatchOp::Before;
      before.leaf.number = static_cast<double>(to_ms(*exception.expires));
      both.children.push_back(std::move(before));
    }
    any.children.push_back(std::move(both));
  }
  MatchTree none{.kind = MatchTree::Kind::Not};
  none.children.push_back(std::move(any));
  return none;
}

}  // namespace picket
