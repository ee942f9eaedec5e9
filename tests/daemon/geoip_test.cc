#include "daemon/geoip.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/engine_run.h"
#include "tests/support/mmdb_writer.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

const std::vector<MmdbRecord> kNetworks = {
    {"203.0.113.0/24",
     {{"autonomous_system_organization", "Example Net"}},
     {{"autonomous_system_number", 64500}}},
    {"198.51.100.128/25", {}, {{"autonomous_system_number", 64501}}},
    {"2001:db8::/32",
     {{"autonomous_system_organization", "Six"}},
     {{"autonomous_system_number", 4200000000}}},
};
const std::vector<MmdbRecord> kCountries = {
    {"203.0.113.0/24", {{"country.iso_code", "SE"}, {"registered_country.iso_code", "NO"}}},
    {"198.51.100.0/24", {{"registered_country.iso_code", "DE"}}},
    {"192.0.2.0/24", {{"continent.code", "EU"}}},
};

class GeoIpTest : public testing::Test {
 protected:
  GeoIpTest() { fs::create_directories(folder_); }
  ~GeoIpTest() override { fs::remove_all(folder_); }

  NamedFile write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return {path.string(), {"picket.yaml", ++line_, 3}};
  }
  std::shared_ptr<const GeoIp> both() {
    auto opened = GeoIp::open({write("asn.mmdb", mmdb_file("GeoLite2-ASN", kNetworks)),
                               write("country.mmdb", mmdb_file("GeoLite2-Country", kCountries))});
    if (!opened) {
      ADD_FAILURE() << render(opened.error().front());
      return nullptr;
    }
    return *opened;
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) /
      (std::string("geoip_") + testing::UnitTest::GetInstance()->current_test_info()->name());
  uint32_t line_ = 0;
};

TEST_F(GeoIpTest, TellsCountriesAndNetworks) {
  const auto facts = both();
  ASSERT_TRUE(facts);
  struct Case {
    const char* address;
    const char* country;
    const char* number;
    const char* organization;
  };
  const Case cases[] = {
      {"203.0.113.9", "SE", "64500", "Example Net"},
      {"::ffff:203.0.113.9", "", "", ""},
      {"198.51.100.7", "DE", "", ""},
      {"198.51.100.200", "DE", "64501", ""},
      {"192.0.2.1", "", "", ""},
      {"2001:db8::1", "", "4200000000", "Six"},
      {"2001:db9::1", "", "", ""},
      {"10.0.0.1", "", "", ""},
      {"203.0.113.9, 10.0.0.1", "", "", ""},
      {"203.0.113.9:443", "", "", ""},
      {"203.0.113", "", "", ""},
      {"localhost", "", "", ""},
      {"", "", "", ""},
  };
  for (const Case& c : cases) {
    std::string scratch;
    EXPECT_EQ(facts->find(AddressFact::CountryCode, c.address, scratch), c.country) << c.address;
    EXPECT_EQ(facts->find(AddressFact::AsNumber, c.address, scratch), c.number) << c.address;
    EXPECT_EQ(facts->find(AddressFact::AsOrganization, c.address, scratch), c.organization)
        << c.address;
  }
}

TEST_F(GeoIpTest, HasWhatItsFilesAreAbout) {
  const auto asn = GeoIp::open({write("asn.mmdb", mmdb_file("DBIP-ASN-Lite", kNetworks))});
  const auto city = GeoIp::open({write("city.mmdb", mmdb_file("GeoLite2-City", kCountries))});
  ASSERT_TRUE(asn && city);
  EXPECT_TRUE((*asn)->has(AddressFact::AsNumber));
  EXPECT_FALSE((*asn)->has(AddressFact::CountryCode));
  EXPECT_TRUE((*city)->has(AddressFact::CountryCode));
  EXPECT_FALSE((*city)->has(AddressFact::AsOrganization));
  EXPECT_EQ(*GeoIp::open({}), nullptr);
}

TEST_F(GeoIpTest, EachFileThatIsNoneIsNamedAtItsPlace) {
  const std::string whole = mmdb_file("GeoLite2-ASN", kNetworks);
  const auto opened =
      GeoIp::open({write("text.mmdb", "no database"), {"/nowhere.mmdb", {"picket.yaml", 2, 3}}});
  ASSERT_FALSE(opened);
  ASSERT_EQ(opened.error().size(), 2U);
  EXPECT_NE(render(opened.error()[0]).find("picket.yaml:1:3: error"), std::string::npos);
  EXPECT_NE(render(opened.error()[1]).find("picket.yaml:2:3: error"), std::string::npos);
}

TEST_F(GeoIpTest, DamagedFilesAreRefusedOrHaveNoAnswers) {
  const std::string whole = mmdb_file("GeoLite2-ASN", kNetworks);
  for (size_t at = 0; at < whole.size(); at += 3) {
    for (const unsigned flip : {0x01U, 0xFFU}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ flip);
      const auto opened = GeoIp::open({write("damaged.mmdb", bytes)});
      if (!opened) continue;
      std::string scratch;
      for (const char* address : {"203.0.113.9", "198.51.100.200", "2001:db8::1"}) {
        (*opened)->find(AddressFact::AsNumber, address, scratch);
        (*opened)->find(AddressFact::AsOrganization, address, scratch);
      }
    }
  }
  for (size_t size = 0; size < whole.size(); size += 7) {
    const auto opened = GeoIp::open({write("short.mmdb", whole.substr(0, size))});
    EXPECT_FALSE(opened) << size << ": what describes the file stands at its end";
  }
}

}  // namespace
}  // namespace picket
