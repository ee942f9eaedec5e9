#include "rules/address_facts.h"

#include <utility>

namespace picket {

std::optional<AddressFact> address_fact(std::string_view field) {
  constexpr std::pair<std::string_view, AddressFact> kFields[] = {
      {"geo.country.iso_code", AddressFact::CountryCode},
      {"client.as.number", AddressFact::AsNumber},
      {"client.as.organization.name", AddressFact::AsOrganization},
  };
  for (const auto& [name, fact] : kFields) {
    if (name == field) return fact;
  }
  return std::nullopt;
}

}  // namespace picket
