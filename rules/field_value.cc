// Values from values: numbers, times and URNs. Pure text work; nothing here knows JSON.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "rules/decode.h"

namespace picket {

std::optional<double> number_of(const Value& value) {
  if (value.kind != ValueKind::Number && value.kind != ValueKind::String) return std::nullopt;
  const char* end = value.data + value.size;
  if (value.size == 0) return std::nullopt;
  if (value.size <= 15) {  // the common case: a short integer
    int64_t whole = 0;
    auto [at, error] = std::from_chars(value.data, end, whole);
    if (error == std::errc{} && at == end) return static_cast<double>(whole);
  }
  // "inf" and "nan" are words here.
  bool negative = value.data[0] == '-';
  const char* first = value.data + (negative ? 1 : 0);
  if (first == end || ((*first < '0' || *first > '9') && *first != '.')) return std::nullopt;
  double number = 0;
  auto [at, error] = std::from_chars(value.data, end, number);
  if (at != end) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too large or too small to tell apart: the exponent says which.
    bool tiny = value.text().find("e-") != std::string_view::npos ||
                value.text().find("E-") != std::string_view::npos || *first == '.' ||
                value.text().substr(negative ? 1 : 0).starts_with("0.");
    double magnitude = tiny ? 0 : HUGE_VAL;
    return negative ? -magnitude : magnitude;
  }
  if (error != std::errc{}) return std::nullopt;
  return number;
}

namespace {

std::optional<Timestamp> scaled(std::string_view text, TimeUnit unit) {
  int64_t whole = 0;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error == std::errc{} && at == text.data() + text.size()) {
    switch (unit) {
      case TimeUnit::Seconds:
        if (std::abs(whole) > INT64_MAX / 1000) return std::nullopt;
        return timestamp_ms(whole * 1000);
      case TimeUnit::Milliseconds:
        return timestamp_ms(whole);
      case TimeUnit::Microseconds:
        return timestamp_ms(whole / 1000);
      case TimeUnit::Nanoseconds:
        return timestamp_ms(whole / 1'000'000);
    }
  }
  std::optional<double> number = number_of(string_value(text));
  if (!number || !std::isfinite(*number)) return std::nullopt;
  double ms = *number;
  if (unit == TimeUnit::Seconds) ms *= 1e3;
  if (unit == TimeUnit::Microseconds) ms /= 1e3;
  if (unit == TimeUnit::Nanoseconds) ms /= 1e6;
  if (std::abs(ms) > 9e18) return std::nullopt;
  return timestamp_ms(static_cast<int64_t>(ms));
}

// Years 1 to 9999: what RFC 3339 can print. Anything else is not a time anybody meant.
bool plausible(Timestamp time) {
  return to_ms(time) >= -62135596800000 && to_ms(time) <= 253402300799999;
}

std::optional<Timestamp> text_time(std::string_view text) {
  if (text.size() >= 19 && text[10] == ' ') {  // ClickHouse: "2026-11-19 14:26:08.000", UTC
    char buffer[40];
    if (text.size() > 38) return std::nullopt;
    std::copy(text.begin(), text.end(), buffer);
    buffer[10] = 'T';
    size_t size = text.size();
    bool zoned = text.find_first_of("Z+", 19) != std::string_view::npos;
    if (!zoned) buffer[size++] = 'Z';
    return parse_rfc3339({buffer, size});
  }
  return parse_rfc3339(text);
}

}  // namespace

std::optional<Timestamp> event_time(const Value& value, TimeUnit unit) {
  std::string_view text = value.text();
  if (text.empty()) return std::nullopt;
  std::optional<Timestamp> time;
  if (value.kind == ValueKind::Number) {
    time = scaled(text, unit);
  } else if (value.kind == ValueKind::String) {
    bool dated = text.size() >= 10 && text[4] == '-';
    time = dated ? text_time(text) : scaled(text, unit);
  }
  if (time && !plausible(*time)) return std::nullopt;
  return time;
}

std::string_view unkey_urn(std::string_view text, std::string& scratch) {
  auto four_parts = [](std::string_view urn) {
    return std::count(urn.begin(), urn.end(), ':') == 3 && urn.find("::") == urn.npos &&
           urn.back() != ':';
  };
  if (text.starts_with("err:")) return four_parts(text) ? text : std::string_view();
  std::string_view rest = text;
  auto skip = [&rest](std::string_view prefix) {
    if (!rest.starts_with(prefix)) return false;
    rest.remove_prefix(prefix.size());
    return true;
  };
  if (!skip("https://") && !skip("http://")) return {};
  skip("www.");
  if (!skip("unkey.com/docs/") && !skip("unkey.dev/docs/")) return {};
  skip("api-reference/");
  if (!skip("errors-v2/") && !skip("errors/")) return {};
  if (std::count(rest.begin(), rest.end(), '/') != 2) return {};
  bool plain = std::all_of(rest.begin(), rest.end(),
                           [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '/'; });
  if (!plain) return {};
  scratch.assign("err:");
  for (char c : rest) scratch.push_back(c == '/' ? ':' : c);
  return four_parts(scratch) ? std::string_view(scratch) : std::string_view();
}

std::vector<std::pair<std::string_view, std::string_view>> split_actor(std::string_view actor) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  while (!actor.empty()) {
    size_t end = actor.find(kActorPairEnd);
    std::string_view pair = actor.substr(0, end);
    size_t split = pair.find(kActorLabelEnd);
    if (split != std::string_view::npos) {
      pairs.emplace_back(pair.substr(0, split), pair.substr(split + 1));
    }
    if (end == std::string_view::npos) break;
    actor.remove_prefix(end + 1);
  }
  return pairs;
}

std::string actor_text(std::string_view actor) {
  std::string text;
  for (const auto& [label, value] : split_actor(actor)) {
    if (!text.empty()) text.push_back(' ');
    text.append(value);
  }
  return text;
}

}  // namespace picket
