#include "rules/stats.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace picket {

std::string_view to_text(DecodeError error) {
  switch (error) {
    case DecodeError::None:
      return "none";
    case DecodeError::NotJson:
      return "not_json";
    case DecodeError::NotObject:
      return "not_object";
    case DecodeError::Truncated:
      return "truncated";
    case DecodeError::TooLong:
      return "too_long";
    case DecodeError::InvalidUtf8:
      return "invalid_utf8";
    case DecodeError::TooDeep:
      return "too_deep";
    case DecodeError::UnknownSchema:
      return "unknown_schema";
    case DecodeError::Count_:
      break;
  }
  return "none";
}

double RuleStats::seconds() const {
  if (samples == 0) return 0;
  const double each = static_cast<double>(sampled_ns) / static_cast<double>(samples);
  return each * static_cast<double>(evaluations) / 1e9;
}

void DecodeStats::add(const DecodeStats& other) {
  bytes += other.bytes;
  lines += other.lines;
  blank += other.blank;
  events += other.events;
  event_lines += other.event_lines;
  refusals += other.refusals;
  duplicate_keys += other.duplicate_keys;
  missing_time += other.missing_time;
  future_time += other.future_time;
  regex_limits += other.regex_limits;
  secrets_redacted += other.secrets_redacted;
  for (size_t i = 0; i < dead.size(); ++i) dead[i] += other.dead[i];
}

void add_unknown_text(std::vector<UnknownText>& known, const UnknownText& seen) {
  const auto same = std::ranges::find_if(known, [&seen](const UnknownText& item) {
    return item.text == seen.text && item.code == seen.code;
  });
  UnknownText item = seen;
  if (same != known.end()) {
    item.count += same->count;
    known.erase(same);
  } else if (known.size() >= kUnknownTextsMax) {
    known.erase(known.begin());
  }
  known.push_back(std::move(item));
}

uint64_t DecodeStats::dead_letters() const {
  return std::accumulate(dead.begin(), dead.end(), uint64_t{0});
}

bool DecodeStats::balanced() const { return lines == event_lines + blank + dead_letters(); }

}  // namespace picket
