// PredicateSet: the tests of single fields that all rules are made of, each kept once.
//
// A predicate that several rules state is compiled once and, for one event, tested at most once.
//
// Thread rule: add() by one thread; const afterwards and shared. Tested by matcher_test.cc.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "config/result.h"
#include "rules/field_table.h"
#include "rules/match_tree.h"
#include "rules/predicate.h"

namespace picket {

class PredicateSet {
 public:
  // The index of `predicate`, compiled if new. Errors: those of compile_predicate.
  Result<uint32_t> add(const Predicate& predicate, FieldTable& fields, const Location& where);
  const CompiledPredicate& operator[](uint32_t index) const { return predicates_[index]; }
  size_t size() const { return predicates_.size(); }

 private:
  std::vector<CompiledPredicate> predicates_;
  boost::unordered_flat_map<std::string, uint32_t> ids_;  // by what the predicate means
  std::string key_;
};

}  // namespace picket
