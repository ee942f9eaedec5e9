#include "daemon/build_info.h"

#include <fmt/core.h>
#include <zlib.h>
#include <zstd.h>

#include <boost/version.hpp>

#include "rules/decode.h"

namespace picket {

BuildInfo build_info() {
  return {.version = PICKET_VERSION,
          .commit = PICKET_COMMIT,
          .simd = std::string(simd_implementation())};
}

std::string library_versions() {
  return fmt::format("boost {}.{}.{}, fmt {}.{}.{}, zlib {}, zstd {}", BOOST_VERSION / 100000,
                     BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100, FMT_VERSION / 10000,
                     FMT_VERSION / 100 % 100, FMT_VERSION % 100, zlibVersion(),
                     ZSTD_versionString());
}

}  // namespace picket
