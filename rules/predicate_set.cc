#include "rules/predicate_set.h"

#include "rules/bytes.h"

namespace picket {
namespace {

// Bytes that two predicates share exactly when they mean the same.
void write_identity(const Predicate& p, std::string& out) {
  out.clear();
  put_text(out, p.field);
  put_bytes(out, p.op);
  for (bool flag : {p.cased, p.flag, p.regex_ignore_case, p.regex_multi_line, p.regex_dot_all}) {
    put_bytes(out, flag);
  }
  put_bytes(out, p.date_part);
  put_bytes(out, p.affix);
  put_bytes(out, p.number);
  put_text(out, p.text);
  for (const PatternPart& part : p.pattern) {
    put_bytes(out, part.kind);
    put_text(out, part.text);
  }
}

}  // namespace

Result<uint32_t> PredicateSet::add(const Predicate& predicate, FieldTable& fields,
                                   const Location& where) {
  write_identity(predicate, key_);
  auto it = ids_.find(key_);
  if (it != ids_.end()) return it->second;
  PICKET_TRY(CompiledPredicate compiled, compile_predicate(predicate, fields, where));
  auto index = static_cast<uint32_t>(predicates_.size());
  predicates_.push_back(std::move(compiled));
  ids_.emplace(key_, index);
  return index;
}

}  // namespace picket
