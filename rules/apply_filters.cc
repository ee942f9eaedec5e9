#include "rules/apply_filters.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "rules/read_context.h"

namespace picket {
namespace {

// A filter is copied into each rule that it narrows.
constexpr size_t kCopiedNodesMax = 2'000'000;

size_t count_nodes(const MatchTree& tree) {
  size_t nodes = 1;
  for (const MatchTree& child : tree.children) nodes += count_nodes(child);
  return nodes;
}

bool contradict(const Logsource& a, const Logsource& b) {
  const auto differ = [](const std::string& x, const std::string& y) {
    return !x.empty() && !y.empty() && x != y;
  };
  return differ(a.product, b.product) || differ(a.service, b.service) ||
         differ(a.category, b.category);
}

// True when `rule` states each key that `filter` states, alike.
bool within(const Logsource& filter, const Logsource& rule) {
  const auto stated = [](const std::string& x, const std::string& y) {
    return x.empty() || x == y;
  };
  return stated(filter.product, rule.product) && stated(filter.service, rule.service) &&
         stated(filter.category, rule.category);
}

class Filters {
 public:
  explicit Filters(RuleDocuments& documents) : documents_(documents) {
    for (size_t i = 0; i < documents.detections.size(); ++i) {
      const RuleHead& head = documents.detections[i].head;
      for (const std::string& name : {head.id, head.name}) {
        if (!name.empty()) named_[name].push_back(i);
      }
    }
    for (const CorrelationSpec& spec : documents.correlations) {
      correlations_.insert({spec.head.id, spec.head.name});
    }
  }

  void apply(const FilterSpec& filter) {
    const std::set<size_t> wanted = rules_of(filter);
    copied_ += wanted.size() * count_nodes(filter.condition);
    if (copied_ > kCopiedNodesMax) {
      report(filter, Severity::Error, "the filter is too large for the rules that it narrows",
             "name fewer rules, or compare with fewer values");
      copied_ = kCopiedNodesMax;
      return;
    }
    for (const size_t rule : wanted) narrow(documents_.detections[rule], filter);
  }

 private:
  std::set<size_t> rules_of(const FilterSpec& filter) {
    std::set<size_t> wanted;
    for (const std::string& name : filter.rules) {
      if (name == "any") {
        for (size_t i = 0; i < documents_.detections.size(); ++i) {
          if (within(filter.logsource, documents_.detections[i].logsource)) wanted.insert(i);
        }
        continue;
      }
      const auto found = named_.find(name);
      if (found == named_.end()) {
        unknown(filter, name);
        continue;
      }
      for (const size_t rule : found->second) {
        if (!contradict(filter.logsource, documents_.detections[rule].logsource)) {
          wanted.insert(rule);
        } else {
          report(filter, Severity::Warning,
                 fmt::format("the filter names '{}', which is for another logsource", name),
                 "give the filter the logsource of the rule");
        }
      }
    }
    return wanted;
  }

  void unknown(const FilterSpec& filter, const std::string& name) {
    if (correlations_.contains(name)) {
      return report(filter, Severity::Warning,
                    fmt::format("the filter names the correlation '{}'", name),
                    "name the rules that it counts, or write 'picket: {exceptions: ...}' in it");
    }
    std::vector<std::string> known;
    for (const auto& [rule, places] : named_) known.push_back(rule);
    report(filter, Severity::Warning, fmt::format("the filter names '{}', which is no rule", name),
           did_you_mean(name, known));
  }

  void report(const FilterSpec& filter, Severity severity, std::string message, std::string hint) {
    documents_.rejected.push_back(
        {filter.head.where, std::move(message), std::move(hint), severity});
  }

  static void narrow(DetectionSpec& rule, const FilterSpec& filter) {
    MatchTree both{.kind = MatchTree::Kind::And};
    both.children.push_back(std::move(rule.condition));
    both.children.push_back(filter.condition);
    std::string& label = both.children.back().label;
    label = "filter '" + filter.head.title + "'" + (label.empty() ? "" : ", " + label);
    rule.condition = std::move(both);
  }

  RuleDocuments& documents_;
  std::map<std::string, std::vector<size_t>> named_;  // by id and by name
  std::set<std::string> correlations_;                // ids and names
  size_t copied_ = 0;
};

}  // namespace

void apply_filters(RuleDocuments& documents) {
  if (documents.filters.empty()) return;
  Filters filters(documents);
  for (const FilterSpec& filter : documents.filters) filters.apply(filter);
}

}  // namespace picket
