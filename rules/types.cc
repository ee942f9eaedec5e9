#include "rules/types.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace picket {
namespace {

// Consumes fixed-width decimal fields from the front of a text; `ok` turns false at the first
// thing that does not fit. Written by hand because it runs once per log line, and because the
// library's time parsing depends on the locale.
struct DigitReader {
  std::string_view text;
  bool ok = true;

  int number(size_t width) {
    int value = 0;
    if (text.size() < width) return fail();
    for (size_t i = 0; i < width; ++i) {
      const char c = text[i];
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    text.remove_prefix(width);
    return value;
  }

  char one_of(std::string_view allowed) {
    if (text.empty() || allowed.find(text.front()) == std::string_view::npos) {
      fail();
      return '\0';
    }
    const char c = text.front();
    text.remove_prefix(1);
    return c;
  }

  int fail() {
    ok = false;
    return 0;
  }
};

// The digits behind the dot as whole milliseconds; further digits are cut off.
int read_fraction_ms(DigitReader& in) {
  constexpr size_t kDigitsMax = 9;
  const size_t digits = std::min(in.text.find_first_not_of("0123456789"), in.text.size());
  if (digits == 0 || digits > kDigitsMax) return in.fail();
  int ms = 0;
  for (size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits ? in.text[i] - '0' : 0);
  in.text.remove_prefix(digits);
  return ms;
}

std::chrono::minutes read_offset(DigitReader& in) {
  const char sign = in.one_of("Zz+-");
  if (sign == 'Z' || sign == 'z' || !in.ok) return {};
  const int hours = in.number(2);
  in.one_of(":");
  const int minutes = in.number(2);
  if (hours > 23 || minutes > 59) in.ok = false;
  const std::chrono::minutes offset(hours * 60 + minutes);
  return sign == '-' ? -offset : offset;
}

constexpr std::array<std::string_view, 5> kLevels = {"informational", "low", "medium", "high",
                                                     "critical"};
constexpr std::array<std::string_view, 5> kVerdicts = {"", "boundary_testing", "credential_abuse",
                                                       "quota_abuse", "misuse"};

}  // namespace

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  DigitReader in{text};
  const int year_number = in.number(4);
  in.one_of("-");
  const int month_number = in.number(2);
  in.one_of("-");
  const int day_number = in.number(2);
  in.one_of("Tt ");
  const int hour = in.number(2);
  in.one_of(":");
  const int minute = in.number(2);
  in.one_of(":");
  const int second = in.number(2);
  int fraction = 0;
  if (in.ok && in.text.starts_with('.')) {
    in.text.remove_prefix(1);
    fraction = read_fraction_ms(in);
  }
  const minutes offset = read_offset(in);
  const year_month_day date{year(year_number), month(static_cast<unsigned>(month_number)),
                            day(static_cast<unsigned>(day_number))};
  // Second 60 is a leap second; it counts as the first one of the next minute.
  if (!in.ok || !in.text.empty() || !date.ok() || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + milliseconds(fraction) -
         offset;
}

std::string format_rfc3339(Timestamp time) {
  using namespace std::chrono;
  // The years that four digits can tell; rounding the first of all times to a day would overflow.
  time = std::clamp<Timestamp>(time, sys_days(year(0) / January / 1),
                               sys_days(year(10000) / January / 1) - milliseconds(1));
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<milliseconds> clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string_view to_text(Level level) { return kLevels[static_cast<size_t>(level)]; }

std::optional<Level> parse_level(std::string_view text) {
  const auto found = std::find(kLevels.begin(), kLevels.end(), text);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<Level>(found - kLevels.begin());
}

std::string_view to_text(Verdict verdict) { return kVerdicts[static_cast<size_t>(verdict)]; }

std::optional<Verdict> parse_verdict(std::string_view text) {
  const auto found = std::find(kVerdicts.begin() + 1, kVerdicts.end(), text);
  if (found == kVerdicts.end()) return std::nullopt;
  return static_cast<Verdict>(found - kVerdicts.begin());
}

}  // namespace picket
