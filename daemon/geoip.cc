#include "daemon/geoip.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <maxminddb.h>

#include <cstring>
#include <optional>
#include <utility>

namespace picket {
namespace {

struct Address {
  sockaddr_storage storage{};
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// No name is ever looked up.
std::optional<Address> parse_address(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(buffer)) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, buffer, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, buffer, &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  return address;
}

bool text_at(MMDB_entry_s entry, const char* const* path, std::string_view& out) {
  MMDB_entry_data_s data;
  if (MMDB_aget_value(&entry, &data, path) != MMDB_SUCCESS || !data.has_data) return false;
  if (data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size == 0) return false;
  out = {data.utf8_string, data.data_size};
  return true;
}

bool number_at(MMDB_entry_s entry, const char* const* path, std::string& out) {
  MMDB_entry_data_s data;
  if (MMDB_aget_value(&entry, &data, path) != MMDB_SUCCESS || !data.has_data) return false;
  if (data.type != MMDB_DATA_TYPE_UINT32) return false;
  out = std::to_string(data.uint32);
  return true;
}

}  // namespace

class GeoIp::Database {
 public:
  explicit Database(const std::string& path)
      : status_(MMDB_open(path.c_str(), MMDB_MODE_MMAP, &handle_)) {}
  ~Database() {
    if (status_ == MMDB_SUCCESS) MMDB_close(&handle_);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  int status() const { return status_; }
  std::string_view type() const { return handle_.metadata.database_type; }

  // What kinds of answers a database has follows from its type, which ends in what it is about.
  bool has(AddressFact fact) const {
    const bool networks = type().find("ASN") != std::string_view::npos ||
                          type().find("ISP") != std::string_view::npos;
    const bool both = type().find("Enterprise") != std::string_view::npos;
    return fact == AddressFact::CountryCode ? !networks || both : networks || both;
  }

  std::string_view find(AddressFact fact, const Address& address, std::string& scratch) const {
    static constexpr const char* kCountry[] = {"country", "iso_code", nullptr};
    static constexpr const char* kRegistered[] = {"registered_country", "iso_code", nullptr};
    static constexpr const char* kNumber[] = {"autonomous_system_number", nullptr};
    static constexpr const char* kOrganization[] = {"autonomous_system_organization", nullptr};
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&handle_, address.get(), &error);
    if (error != MMDB_SUCCESS || !found.found_entry) return {};
    std::string_view text;
    switch (fact) {
      case AddressFact::CountryCode:
        if (!text_at(found.entry, kCountry, text)) text_at(found.entry, kRegistered, text);
        return text;
      case AddressFact::AsNumber:
        return number_at(found.entry, kNumber, scratch) ? std::string_view(scratch) : text;
      case AddressFact::AsOrganization:
        text_at(found.entry, kOrganization, text);
        return text;
    }
    return {};
  }

 private:
  MMDB_s handle_{};
  int status_;
};

GeoIp::GeoIp() = default;
GeoIp::~GeoIp() = default;

Result<std::shared_ptr<const GeoIp>> GeoIp::open(const std::vector<NamedFile>& files) {
  if (files.empty()) return nullptr;
  std::shared_ptr<GeoIp> all(new GeoIp());
  Diagnostics problems;
  for (const NamedFile& file : files) {
    auto database = std::make_unique<Database>(file.path);
    if (database->status() == MMDB_SUCCESS) {
      all->databases_.push_back(std::move(database));
    } else {
      problems.push_back({file.where, fmt::format("'{}' cannot be opened as a MaxMind database: {}",
                                                  file.path, MMDB_strerror(database->status()))});
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return all;
}

bool GeoIp::has(AddressFact fact) const {
  for (const auto& database : databases_) {
    if (database->has(fact)) return true;
  }
  return false;
}

std::string_view GeoIp::find(AddressFact fact, std::string_view address,
                             std::string& scratch) const {
  const std::optional<Address> parsed = parse_address(address);
  if (!parsed) return {};
  for (const auto& database : databases_) {
    if (!database->has(fact)) continue;
    const std::string_view found = database->find(fact, *parsed, scratch);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace picket
