// Writes small databases in MaxMind's format (specification 2.0), for tests: no real one may be
// passed on.
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace picket {

// What one network is: texts and numbers by key; a dot in a key stands for a map in a map.
struct MmdbRecord {
  std::string network;  // "203.0.113.0/24", "2001:db8::/32"; networks must not overlap
  std::vector<std::pair<std::string, std::string>> texts = {};
  std::vector<std::pair<std::string, uint32_t>> numbers = {};
};

// The bytes of the file. REQUIRES: at least one record; networks that can be parsed.
std::string mmdb_file(const std::string& type, const std::vector<MmdbRecord>& records);

}  // namespace picket
