// picket-failpoints: picket that ends with SIGKILL at a failpoint.
//   PICKET_FAILPOINT=NAME:COUNT   when it passes the point for the COUNT-th time
//   PICKET_FAILPOINT=list         prints the names instead of running
// Without the variable it is picket. See daemon/failpoint.h.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "daemon/commands/run_command.h"
#include "daemon/failpoint.h"

namespace picket {
namespace {

struct Aim {
  Failpoint point = {};
  uint64_t count = 0;  // 0: never
};

std::string_view wish() {
  const char* const text = std::getenv("PICKET_FAILPOINT");
  return text == nullptr ? "" : text;
}

// Nothing when it names no point or no count.
std::optional<Aim> parse_aim(std::string_view text) {
  if (text.empty()) return Aim();
  const size_t colon = text.find(':');
  const auto* const name = std::ranges::find(kFailpointNames, text.substr(0, colon));
  if (colon == text.npos || name == kFailpointNames.end()) return std::nullopt;
  Aim aim{static_cast<Failpoint>(name - kFailpointNames.begin())};
  text.remove_prefix(colon + 1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), aim.count);
  const bool good = error == std::errc() && end == text.data() + text.size() && aim.count > 0;
  return good ? std::optional(aim) : std::nullopt;
}

int run(int argc, char** argv) {
  if (wish() == "list") {
    for (const std::string_view name : kFailpointNames) {
      std::printf("%.*s\n", static_cast<int>(name.size()), name.data());
    }
    return 0;
  }
  if (!parse_aim(wish())) {
    std::fputs("PICKET_FAILPOINT must be 'list' or NAME:COUNT\n", stderr);
    return 2;
  }
  // As daemon/main.cc does.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return run_command_line(argc, argv);
}

}  // namespace

// There is no object that all callers share, so what was passed is counted here.
void failpoint(Failpoint point) {
  static const Aim kAim = parse_aim(wish()).value_or(Aim());
  static std::atomic<uint64_t> passed{0};
  if (kAim.count > 0 && point == kAim.point && ++passed == kAim.count) raise(SIGKILL);
}

}  // namespace picket

int main(int argc, char** argv) { return picket::run(argc, argv); }
