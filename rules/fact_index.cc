// Looking at the values of one event. How the index is built is in build_facts.cc.
#include "rules/fact_index.h"

#include <re2/filtered_re2.h>
#include <xxhash.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "rules/predicate_set.h"
#include "rules/text_match.h"
#include "rules/unescape.h"

namespace picket {

// One value being looked at.
struct FactIndex::Look {
  const FactIndex& facts;
  const PredicateSet& predicates;
  Event& event;
  MatchMemo& memo;
  const FieldIndex* index = nullptr;
  Value value = {};
  std::string_view text = {};
  std::string_view folded = {};  // the same, where it is needed

  void test(uint32_t predicate) {
    if (!memo.is_true(predicate) && value_holds(predicates[predicate], event, value)) {
      facts.report(predicate, memo);
    }
  }
};

FactIndex::FactIndex() = default;
FactIndex::~FactIndex() = default;
FactIndex::FactIndex(FactIndex&&) noexcept = default;
FactIndex& FactIndex::operator=(FactIndex&&) noexcept = default;

bool integer_key(double number, std::string& key) {
  constexpr double kExactMax = 9e15;
  if (number != std::floor(number) || std::abs(number) > kExactMax) return false;
  key = std::to_string(static_cast<int64_t>(number));
  return true;
}

bool plain_integer(std::string_view text) {
  if (text == "-0") return false;  // filed as "0"
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty() || text.size() > 15 || (text[0] == '0' && text.size() > 1)) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

void FactIndex::begin(MatchMemo& memo) const {
  if (memo.prepared_for != this) {
    memo.results.resize(std::max(memo.results.size(), facts()));
    memo.scanned.resize(std::max(memo.scanned.size(), by_field_.size()));
    memo.queued.resize(std::max(memo.queued.size(), facts()));
    memo.values.clear();
    memo.prepared_for = this;
  }
  memo.begin();
}

void FactIndex::report(uint32_t fact, MatchMemo& memo) const {
  memo.set(fact, true);
  memo.facts.push_back(fact);
  const Span clauses = clauses_of_[fact];
  for (uint32_t i = 0; i < clauses.count; ++i) {
    uint32_t clause = clause_items_[clauses.first + i];
    if (memo.is_true(clause)) continue;
    memo.set(clause, true);
    memo.facts.push_back(clause);
  }
}

void FactIndex::find_present(const PredicateSet& predicates, Event& event, MatchMemo& memo) const {
  if (memo.present_scanned) return;
  memo.present_scanned = true;
  for (FieldId field : event.present()) find_field(predicates, event, memo, field);
  if (line_) {
    Look look{*this, predicates, event, memo};
    look_at_line(look);
  }
}

void FactIndex::find_field(const PredicateSet& predicates, Event& event, MatchMemo& memo,
                           FieldId field) const {
  int32_t at = by_field_[field];
  if (at < 0 || memo.scanned[field] == memo.event) return;
  memo.scanned[field] = memo.event;
  const FieldIndex& index = fields_[static_cast<size_t>(at)];
  Look look{*this, predicates, event, memo};
  look.index = &index;
  const Value written = index.own ? event.written(field) : Value{};
  if (written.kind == ValueKind::Absent || !ValueMemo::may_keep(written.size)) {
    look_at_field(index, look);
    return;
  }
  const ValueMemo::Key key(field, written);
  if (const ValueMemo::Found found = memo.values.find(key); found.known) {
    for (uint32_t fact : found.facts) report(fact, memo);
    for (uint32_t predicate : index.tested) {
      if (!memo.is_known(predicate)) memo.set(predicate, false);
    }
    return;
  }
  const size_t first = memo.facts.size();
  const uint32_t limits = event.regex_limits;
  look_at_field(index, look);
  // An expression that gave up is counted each time.
  if (!memo.values.is_wanted(key) || event.regex_limits != limits) return;
  // Clauses follow from predicates, and other fields may have reported them before.
  const auto predicates_end = static_cast<uint32_t>(decided_.size());
  memo.values.keep(key, std::span(memo.facts).subspan(first), predicates_end);
}

void FactIndex::look_at_field(const FieldIndex& index, Look& look) const {
  MatchMemo& memo = look.memo;
  Event& event = look.event;
  const Value& value = event.get(index.field);
  if (value.kind == ValueKind::Absent) return;
  if (value.kind == ValueKind::Array) {
    event.resolver().any_element(
        value,
        [](void* state, const Value& element) {
          auto& self = *static_cast<Look*>(state);
          self.facts.look_at_value(*self.index, self, element);
          return false;
        },
        &look);
  } else {
    look_at_value(index, look, value);
  }
  for (uint32_t predicate : index.tested) {
    if (memo.is_known(predicate)) continue;
    bool result = holds(look.predicates[predicate], event);
    if (result) {
      report(predicate, memo);
    } else {
      memo.set(predicate, false);
    }
  }
}

void FactIndex::look_at_value(const FieldIndex& index, Look& look, const Value& value) const {
  if (!value.is_scalar()) return;
  look.value = value;
  look.text = value.text();
  if (!index.scan.empty() || look.text.size() <= index.longest) {
    look.memo.folded.assign(look.text);
    look.folded = look.memo.folded.view();
  }
  if (!index.exact.spans.empty()) look_up_exact(index, look, value);
  look_up_affixes(index, look, look.text);
  if (!index.scan.empty()) scan(index, look);
}

void FactIndex::look_up(const Table& table, uint64_t key, Look& look) const {
  if (!table.filter.may_hold(mixed(key))) return;
  auto it = table.spans.find(key);
  if (it == table.spans.end()) return;
  for (uint32_t i = 0; i < it->second.count; ++i) look.test(items_[it->second.first + i]);
}

void FactIndex::look_up_exact(const FieldIndex& index, Look& look, const Value& value) const {
  std::string_view text = look.text;
  auto find = [&](std::string_view key) {
    look_up(index.exact, XXH3_64bits(key.data(), key.size()), look);
  };
  bool number_like =
      index.numbers && (value.kind == ValueKind::Number || value.kind == ValueKind::String);
  if (number_like && !plain_integer(text)) {
    std::optional<double> number = number_of(value);
    std::string key;
    if (number && integer_key(*number, key)) find(key);
  }
  if (text.size() <= index.longest) find(look.folded);
}

uint64_t FactIndex::affix_key(const char* at, size_t size) {
  auto word = [](const char* from, size_t bytes) {
    uint64_t loaded = 0;
    std::memcpy(&loaded, from, sizeof(loaded));
    if constexpr (std::endian::native == std::endian::big) loaded = __builtin_bswap64(loaded);
    return fold8(bytes >= 8 ? loaded : loaded & ~(~uint64_t{0} << 8 * bytes));
  };
  const uint64_t low = word(at, size);
  const uint64_t high = size > 8 ? word(at + 8, size - 8) : 0;
  return mixed(low) ^ high ^ size;
}

void FactIndex::look_up_affixes(const FieldIndex& index, Look& look, std::string_view text) const {
  if ((index.prefix_sizes | index.suffix_sizes) == 0 || text.empty()) return;
  const size_t most = std::min(text.size(), kAffixMax);
  char head[2 * kAffixMax] = {};
  char tail[2 * kAffixMax] = {};
  if (most == kAffixMax) {  // the usual case, with a size that the compiler knows
    std::memcpy(head, text.data(), kAffixMax);
    std::memcpy(tail, text.data() + text.size() - kAffixMax, kAffixMax);
  } else {
    std::memcpy(head, text.data(), most);
    std::memcpy(tail + kAffixMax - most, text.data(), most);
  }
  for (size_t i = 0; i < kAffixSizes.size() && kAffixSizes[i] <= most; ++i) {
    const size_t size = kAffixSizes[i];
    if (index.prefix_sizes >> i & 1) look_up(index.prefixes, affix_key(head, size), look);
    if (index.suffix_sizes >> i & 1) {
      look_up(index.suffixes, affix_key(tail + kAffixMax - size, size), look);
    }
  }
}

void FactIndex::on_fragment(Look& look, uint32_t fragment, size_t end) const {
  MatchMemo& memo = look.memo;
  const Span leads = look.index->leads[fragment];
  for (uint32_t i = 0; i < leads.count; ++i) {
    const Lead& lead = leads_[leads.first + i];
    if (lead.kind == Lead::Kind::Contains) {
      if (memo.is_true(lead.id)) continue;
      const CompiledPredicate& predicate = look.predicates[lead.id];
      const size_t size = predicate.text.size();
      bool same = !predicate.cased || look.text.substr(end - size, size) == predicate.text;
      if (same) report(lead.id, memo);
      continue;
    }
    if (lead.kind == Lead::Kind::Test && memo.is_true(lead.id)) continue;
    // Tested once the value has been scanned: at most once for each value.
    bool atom = lead.kind == Lead::Kind::Atom;
    if (atom) {
      memo.atoms.push_back(static_cast<int>(lead.id));
    } else if (memo.queued[lead.id] != memo.value) {
      memo.queued[lead.id] = memo.value;
      memo.queue.push_back(lead.id);
    }
  }
}

void FactIndex::scan(const FieldIndex& index, Look& look) const {
  MatchMemo& memo = look.memo;
  memo.queue.clear();
  memo.atoms.clear();
  if (++memo.value == 0) {
    std::fill(memo.queued.begin(), memo.queued.end(), 0);
    memo.value = 1;
  }
  index.scan.scan(memo.folded,
                  [&](uint32_t fragment, size_t end) { on_fragment(look, fragment, end); });
  for (uint32_t predicate : memo.queue) look.test(predicate);
  if (memo.atoms.empty()) return;
  std::sort(memo.atoms.begin(), memo.atoms.end());
  memo.atoms.erase(std::unique(memo.atoms.begin(), memo.atoms.end()), memo.atoms.end());
  memo.regexes.clear();
  index.regexes->AllPotentials(memo.atoms, &memo.regexes);
  for (int regex : memo.regexes) look.test(index.regex_predicates[static_cast<size_t>(regex)]);
}

namespace {

// True when `text` has an escape \u or \/; "C:\\users" has none.
bool has_optional_escape(std::string_view text) {
  if (text.empty()) return false;
  const char* const at = text.data();
  auto looks_so = [at](size_t i) {
    return (at[i] == '\\') & ((at[i + 1] == 'u') | (at[i + 1] == '/'));
  };
  // A backslash behind an odd number of others is what those escape.
  auto is_one = [&](size_t i) {
    if (!looks_so(i)) return false;
    size_t before = i;
    while (before > 0 && at[before - 1] == '\\') --before;
    return (i - before) % 2 == 0;
  };
  constexpr size_t kBlock = 64;
  const size_t last = text.size() - 1;
  size_t i = 0;
  for (; i + kBlock <= last; i += kBlock) {
    unsigned char any = 0;
    for (size_t k = 0; k < kBlock; ++k) any |= static_cast<unsigned char>(looks_so(i + k));
    if (any == 0) [[likely]]
      continue;
    for (size_t k = 0; k < kBlock; ++k) {
      if (is_one(i + k)) return true;
    }
  }
  for (; i < last; ++i) {
    if (is_one(i)) return true;
  }
  return false;
}

}  // namespace

// Keywords may stand in any string of the record. The line as written is scanned for a part of each
// that JSON writes only one way. With \u and \/ there are other ways; then it is unescaped as a
// whole first, whatever that makes of it as JSON.
void FactIndex::look_at_line(Look& look) const {
  MatchMemo& memo = look.memo;
  look.index = line_.get();
  look.text = look.event.raw;
  auto test = [&](uint32_t predicate) {
    if (memo.is_known(predicate)) return;
    if (holds(look.predicates[predicate], look.event)) {
      report(predicate, memo);
    } else {
      memo.set(predicate, false);
    }
  };
  for (uint32_t predicate : line_->tested) test(predicate);
  if (line_->scan.empty()) return;
  if (has_optional_escape(look.text)) {
    memo.unescaped.resize(look.text.size() * 3 / 2 + 1);
    look.text = {memo.unescaped.data(), unescape_into(look.text, memo.unescaped.data())};
  }
  memo.queue.clear();
  ++memo.value;
  memo.folded.assign(look.text);
  line_->scan.scan(memo.folded,
                   [&](uint32_t fragment, size_t end) { on_fragment(look, fragment, end); });
  for (uint32_t predicate : memo.queue) test(predicate);
}

bool test_once(const FactIndex& index, const PredicateSet& predicates, uint32_t fact, Event& event,
               MatchMemo& memo) {
  if (memo.is_known(fact)) return memo.results[fact] & 1;
  if (index.decides(fact)) return false;
  bool result = holds(predicates[fact], event);
  memo.set(fact, result);
  return result;
}

}  // namespace picket
