// AddressFacts: what is known of a network address beyond what the logs say: where it is and whose
// network it belongs to.
//
// Stands between the decoder, which asks when a rule names one of the fields below and the record
// has no value for it, and whoever has the data (daemon/geoip.h). The address is that of the
// schema's field client.address, so it is no more to be trusted than that one.
//
// Names: geo.country.iso_code is OpenTelemetry's; for networks there is none, so client.as.number
// and client.as.organization.name follow the Elastic Common Schema.
//
// Thread rule: const, shared by all workers. Tested by address_facts_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace picket {

enum class AddressFact : uint8_t {
  CountryCode,     // ISO 3166-1, two letters: "SE"
  AsNumber,        // of the autonomous system, in decimal digits
  AsOrganization,  // who runs it
};

// The fact that a field of this name stands for, unless the schema maps that name itself.
std::optional<AddressFact> address_fact(std::string_view field);

class AddressFacts {
 public:
  virtual ~AddressFacts() = default;
  // Whether there is any data of this kind.
  virtual bool has(AddressFact fact) const = 0;
  // Empty: unknown, or `address` is no IPv4 or IPv6 address. `scratch` may hold the result.
  virtual std::string_view find(AddressFact fact, std::string_view address,
                                std::string& scratch) const = 0;
};

}  // namespace picket
