// GeoIp: countries and networks of addresses, from databases in MaxMind's format (.mmdb), such as
// GeoLite2-Country, GeoLite2-City and GeoLite2-ASN or those of others with the same keys.
//
// Keys read: country.iso_code (else registered_country.iso_code), autonomous_system_number and
// autonomous_system_organization. Of several files that have an answer the first one counts.
//
// Files are mapped into memory, so a large one costs only what is looked at. They must be replaced
// by renaming, as MaxMind's own updater does, not rewritten in place; a new file is read at the
// next start. A file that is damaged inside has no answers.
//
// Thread rule: const after open(); shared by all workers. Tested by geoip_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/result.h"
#include "config/settings.h"
#include "rules/address_facts.h"

namespace picket {

class GeoIp final : public AddressFacts {
 public:
  // Opens all files. Null when there are none. Errors: a file that is absent, unreadable or no such
  // database, each at the place where it is named.
  static Result<std::shared_ptr<const GeoIp>> open(const std::vector<NamedFile>& files);
  ~GeoIp() override;

  bool has(AddressFact fact) const override;
  std::string_view find(AddressFact fact, std::string_view address,
                        std::string& scratch) const override;

 private:
  class Database;
  GeoIp();

  std::vector<std::unique_ptr<Database>> databases_;
};

}  // namespace picket
