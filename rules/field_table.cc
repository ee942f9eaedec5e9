#include "rules/field_table.h"

namespace picket {

FieldTable::FieldTable() {
  for (std::string_view name :
       {"actor", "picket.code", "picket.cause", "picket.mistake", "picket.scenario", "error.type",
        "request.id", "http.request.method", "url.path", "http.response.status_code", "target.id",
        "rpc.method", "rpc.service"}) {
    intern(name);
  }
}

FieldId FieldTable::intern(std::string_view name) {
  auto it = ids_.find(name);
  if (it != ids_.end()) return it->second;
  auto id = static_cast<FieldId>(names_.size());
  names_.emplace_back(name);
  ids_.emplace(std::string(name), id);
  return id;
}

std::optional<FieldId> FieldTable::find(std::string_view name) const {
  auto it = ids_.find(name);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

}  // namespace picket
