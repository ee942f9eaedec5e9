// Building a FactIndex: which test goes into which table. See fact_index.h.
#include <re2/filtered_re2.h>
#include <re2/re2.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "rules/fact_index.h"
#include "rules/predicate_set.h"
#include "rules/text_match.h"

namespace picket {
namespace {

using Kind = CompiledPredicate::Kind;

constexpr int kAtomMin = 3;  // shorter atoms of expressions are found everywhere
// Shorter texts by which no rule is told are searched when a candidate asks: to find all their
// places in every value costs more.
constexpr size_t kAskedMin = 5;

bool needs_scan(Kind kind) {
  return kind == Kind::Contains || kind == Kind::Glob || kind == Kind::Regex;
}

// The longest piece of `text` that JSON has one way to write, in a line without \u and \/.
std::string_view plain_piece(std::string_view text) {
  std::string_view best;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    bool plain = i < text.size() && static_cast<unsigned char>(text[i]) >= 0x20 &&
                 static_cast<unsigned char>(text[i]) < 0x7F && text[i] != '"' && text[i] != '\\';
    if (plain) continue;
    if (i - start > best.size()) best = text.substr(start, i - start);
    start = i + 1;
  }
  return best;
}

std::string_view longest_part(const std::vector<PatternPart>& parts) {
  std::string_view best;
  for (const PatternPart& part : parts) {
    if (part.kind == PatternPart::Kind::Text && part.text.size() > best.size()) best = part.text;
  }
  return best;
}

// Atoms come in lower case as Unicode has it; our scan folds ASCII only. An expression that could
// name other letters is therefore not filtered.
bool ascii_pattern(const std::string& pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (static_cast<unsigned char>(pattern[i]) >= 0x80) return false;
    bool escape = pattern[i] == '\\' && i + 1 < pattern.size();
    if (escape && std::strchr("xpPuU", pattern[++i])) return false;
  }
  return true;
}

}  // namespace

// Collects the tests of one field, then writes them out in one go.
class FactIndex::Builder {
 public:
  Builder(FactIndex& facts, FieldId field) : facts_(facts) { made_.field = field; }

  // `scan`: its field is scanned anyway; `witness`: some rule is told by it.
  void add(const CompiledPredicate& predicate, uint32_t id, bool scan, bool witness) {
    std::string key;
    switch (predicate.kind) {
      case Kind::Exact:
        return exact(predicate.text, id);
      case Kind::Bool:
        return exact(predicate.flag ? "true" : "false", id);
      case Kind::Number:
        if (predicate.date_part != DatePart::None || !integer_key(predicate.number, key)) return;
        made_.numbers = true;
        return exact(key, id);
      case Kind::Prefix:
        return affix(predicate.text, id, /*prefix=*/true);
      case Kind::Suffix:
        return affix(predicate.text, id, /*prefix=*/false);
      case Kind::Contains:
        if (scan && predicate.text.size() >= (witness ? 1 : kAskedMin)) {
          lead(folded(predicate.text), {Lead::Kind::Contains, id});
        }
        return;
      case Kind::Glob:
        if (witness) glob(predicate, id);
        return;
      case Kind::Regex:
        if (witness) regex(predicate, id);
        return;
      default:
        return;
    }
  }

  // A keyword: a part of it as the line must hold it.
  void add_keyword(const CompiledPredicate& predicate, uint32_t id) {
    std::string_view text = predicate.text;
    if (predicate.kind == Kind::Glob) text = longest_part(predicate.parts);
    std::string_view piece = plain_piece(text);
    if (!piece.empty()) {
      lead(folded(piece), {Lead::Kind::Test, id});
    } else {
      made_.tested.push_back(id);
      facts_.decided_[id] = 1;
    }
  }

  void test_when_present(uint32_t id) {
    made_.tested.push_back(id);
    facts_.tested_[id] = 1;
  }

  FieldIndex finish() {
    made_.exact = table(exact_);
    made_.prefixes = table(prefixes_);
    made_.suffixes = table(suffixes_);
    add_atoms();
    std::vector<std::string> fragments;
    for (auto& [fragment, leads] : fragments_) {
      Span span{static_cast<uint32_t>(facts_.leads_.size()), static_cast<uint32_t>(leads.size())};
      facts_.leads_.insert(facts_.leads_.end(), leads.begin(), leads.end());
      made_.leads.push_back(span);
      fragments.push_back(fragment);
    }
    made_.scan = TextScan(fragments);
    return std::move(made_);
  }

 private:
  using Keyed = std::vector<std::pair<uint64_t, uint32_t>>;

  void decide(uint32_t id) { facts_.decided_[id] = 1; }

  void exact(std::string_view text, uint32_t id) {
    std::string key = folded(text);
    exact_.emplace_back(XXH3_64bits(key.data(), key.size()), id);
    made_.longest = std::max(made_.longest, key.size());
    decide(id);
  }

  void affix(std::string_view text, uint32_t id, bool prefix) {
    if (text.empty()) return;
    auto larger = std::upper_bound(kAffixSizes.begin(), kAffixSizes.end(), text.size());
    const size_t size = *(larger - 1);
    char bytes[kAffixMax] = {};
    std::memcpy(bytes, text.data() + (prefix ? 0 : text.size() - size), size);
    (prefix ? prefixes_ : suffixes_).emplace_back(affix_key(bytes, size), id);
    uint16_t& sizes = prefix ? made_.prefix_sizes : made_.suffix_sizes;
    sizes = static_cast<uint16_t>(sizes | 1 << (larger - 1 - kAffixSizes.begin()));
    decide(id);
  }

  void lead(std::string fragment, Lead lead) {
    fragments_[std::move(fragment)].push_back(lead);
    if (lead.kind != Lead::Kind::Atom) decide(lead.id);
  }

  void glob(const CompiledPredicate& predicate, uint32_t id) {
    std::string_view part = longest_part(predicate.parts);
    if (part.size() >= 2) lead(folded(part), {Lead::Kind::Test, id});
  }

  void regex(const CompiledPredicate& predicate, uint32_t id) {
    if (!predicate.regex || !ascii_pattern(predicate.regex->pattern())) return;
    int index = 0;
    if (!made_.regexes) made_.regexes = std::make_unique<re2::FilteredRE2>(kAtomMin);
    RE2::ErrorCode error =
        made_.regexes->Add(predicate.regex->pattern(), predicate.regex->options(), &index);
    if (error == RE2::NoError) made_.regex_predicates.push_back(id);
  }

  // Expressions without atoms are left to be tested on their own.
  void add_atoms() {
    if (!made_.regexes) return;
    std::vector<std::string> atoms;
    made_.regexes->Compile(&atoms);
    std::vector<int> unfiltered;
    made_.regexes->AllPotentials({}, &unfiltered);
    for (size_t i = 0; i < made_.regex_predicates.size(); ++i) {
      bool open =
          std::find(unfiltered.begin(), unfiltered.end(), static_cast<int>(i)) != unfiltered.end();
      if (!open) decide(made_.regex_predicates[i]);
    }
    for (size_t i = 0; i < atoms.size(); ++i) {
      lead(folded(atoms[i]), {Lead::Kind::Atom, static_cast<uint32_t>(i)});
    }
  }

  Table table(Keyed& keyed) {
    std::sort(keyed.begin(), keyed.end());
    keyed.erase(std::unique(keyed.begin(), keyed.end()), keyed.end());
    Table table{BitFilter(keyed.size()), {}};
    for (size_t i = 0; i < keyed.size();) {
      Span span{static_cast<uint32_t>(facts_.items_.size()), 0};
      uint64_t key = keyed[i].first;
      for (; i < keyed.size() && keyed[i].first == key; ++i, ++span.count) {
        facts_.items_.push_back(keyed[i].second);
      }
      table.filter.add(mixed(key));
      table.spans.emplace(key, span);
    }
    return table;
  }

  FactIndex& facts_;
  FieldIndex made_;
  Keyed exact_;
  Keyed prefixes_;
  Keyed suffixes_;
  std::map<std::string, std::vector<Lead>> fragments_;
};

void FactIndex::build(const PredicateSet& predicates, const std::vector<uint32_t>& used,
                      const std::vector<uint32_t>& witnesses, const FieldCost& costs) {
  decided_.assign(predicates.size(), 0);
  tested_.assign(predicates.size(), 0);
  by_field_.assign(costs.size(), -1);
  std::map<FieldId, std::vector<uint32_t>> by_field;
  std::vector<uint8_t> scanned(costs.size(), 0);
  for (uint32_t id : used) by_field[predicates[id].field].push_back(id);
  for (uint32_t id : witnesses) {
    FieldId field = predicates[id].field;
    if (field != kKeywordField && needs_scan(predicates[id].kind)) scanned[field] = 1;
  }
  std::map<FieldId, std::vector<uint32_t>> witnessed;
  std::vector<uint8_t> witness(predicates.size(), 0);
  for (uint32_t id : witnesses) {
    witnessed[predicates[id].field].push_back(id);
    witness[id] = 1;
  }
  for (const auto& [field, ids] : by_field) {
    Builder builder(*this, field);
    if (field == kKeywordField) {
      for (uint32_t id : ids) {
        if (witness[id]) builder.add_keyword(predicates[id], id);
      }
      line_ = std::make_unique<FieldIndex>(builder.finish());
      continue;
    }
    // A field by which no rule is told is looked at only when a candidate asks for it.
    if (costs[field] != 0 || !witnessed.contains(field)) continue;
    for (uint32_t id : ids) builder.add(predicates[id], id, scanned[field], witness[id]);
    FieldIndex made = builder.finish();
    for (uint32_t id : witnessed[field]) {
      if (decided_[id]) continue;
      made.tested.push_back(id);
      tested_[id] = 1;
      made.own &= predicates[id].kind != Kind::FieldRef;
    }
    bool empty = made.exact.spans.empty() && made.scan.empty() && made.prefix_sizes == 0 &&
                 made.suffix_sizes == 0 && made.tested.empty();
    if (empty) continue;
    by_field_[field] = static_cast<int32_t>(fields_.size());
    fields_.push_back(std::move(made));
  }
}

uint32_t FactIndex::add_clause(std::vector<uint32_t> predicates) {
  std::sort(predicates.begin(), predicates.end());
  predicates.erase(std::unique(predicates.begin(), predicates.end()), predicates.end());
  if (predicates.size() == 1) return predicates.front();
  auto next = static_cast<uint32_t>(decided_.size() + clauses_);
  auto [it, added] = clause_ids_.try_emplace(std::move(predicates), next);
  clauses_ += added;
  return it->second;
}

void FactIndex::freeze() {
  std::vector<std::vector<uint32_t>> of(decided_.size());
  for (const auto& [predicates, clause] : clause_ids_) {
    for (uint32_t predicate : predicates) of[predicate].push_back(clause);
  }
  clause_ids_.clear();
  clauses_of_.resize(decided_.size());
  for (size_t predicate = 0; predicate < of.size(); ++predicate) {
    clauses_of_[predicate] = {static_cast<uint32_t>(clause_items_.size()),
                              static_cast<uint32_t>(of[predicate].size())};
    clause_items_.insert(clause_items_.end(), of[predicate].begin(), of[predicate].end());
  }
}

std::vector<FieldId> FactIndex::fields() const {
  std::vector<FieldId> fields;
  for (const FieldIndex& index : fields_) fields.push_back(index.field);
  return fields;
}

}  // namespace picket
