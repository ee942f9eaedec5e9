// FieldTable: the names of all fields that anybody needs, as small dense ids.
//
// Rules, correlators and the evidence list intern their fields while the rule set is compiled; then
// the table is frozen and the decoder fills only those slots.
//
// Thread rule: interned by one thread; const afterwards and shared.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/types.h"

namespace picket {

// Fields that the engine itself sets or reads; they always exist, under these ids.
struct BuiltinField {
  static constexpr FieldId kActor = 0;  // the schema's best identity
  static constexpr FieldId kCode = 1;   // the classifier's result
  static constexpr FieldId kCause = 2;
  static constexpr FieldId kMistake = 3;
  static constexpr FieldId kScenario = 4;
  static constexpr FieldId kErrorType = 5;  // the code as logged
  static constexpr FieldId kRequestId = 6;  // evidence, in the order of EvidenceItem
  static constexpr FieldId kMethod = 7;
  static constexpr FieldId kPath = 8;
  static constexpr FieldId kStatus = 9;
  static constexpr FieldId kTarget = 10;
  static constexpr FieldId kRpcMethod = 11;  // stand in for method and path where there is no HTTP
  static constexpr FieldId kRpcService = 12;
  static constexpr FieldId kCount = 13;
};

// How dear the fields of a schema are, by FieldId: 0 is a plain slot of the record. Others are only
// resolved when somebody asks for them.
using FieldCost = std::vector<uint8_t>;

class FieldTable {
 public:
  // Holds the builtin fields from the start.
  FieldTable();

  // The id of `name`, new if needed. REQUIRES: fewer than 65,535 names.
  FieldId intern(std::string_view name);
  std::optional<FieldId> find(std::string_view name) const;
  const std::string& name(FieldId id) const { return names_[id]; }
  size_t size() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
  std::map<std::string, FieldId, std::less<>> ids_;
};

}  // namespace picket
