// Typed scalars and MapReader: how every part of picket reads its options from Nodes.
//
// Tested by tests/config/node_test.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "config/node.h"

namespace picket {
namespace {

using std::chrono::milliseconds;

void report(const Node& node, std::string message, Diagnostics& diagnostics,
            std::string hint = {}) {
  diagnostics.push_back({node.where(), std::move(message), std::move(hint), Severity::Error});
}

std::string describe(const Node& node) {
  switch (node.kind()) {
    case Node::Kind::Null:
      return "nothing";
    case Node::Kind::Sequence:
      return "a list";
    case Node::Kind::Map:
      return "a map";
    case Node::Kind::Scalar:
      break;
  }
  return fmt::format("{}'{}'", node.quoted() ? "the text " : "", node.text());
}

// Reports "expected <what>, found <value>" and, for a quoted scalar, how to make it a bare one.
void mismatch(const Node& node, std::string_view what, Diagnostics& diagnostics,
              std::string hint = {}) {
  if (hint.empty() && node.is_scalar() && node.quoted()) hint = "remove the quotes";
  report(node, fmt::format("expected {}, found {}", what, describe(node)), diagnostics,
         std::move(hint));
}

// The bare text of a scalar, or nothing: numbers and booleans in quotes are texts.
std::optional<std::string_view> bare(const Node& node) {
  if (!node.is_scalar() || node.quoted()) return std::nullopt;
  return node.text();
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kDurationUnits = {
    Unit{"ms", 1},        Unit{"s", 1'000},      Unit{"m", 60'000},
    Unit{"h", 3'600'000}, Unit{"d", 86'400'000}, Unit{"w", 604'800'000},
};

constexpr std::array kByteUnits = {
    Unit{"", 1},
    Unit{"B", 1},
    Unit{"KiB", uint64_t{1} << 10U},
    Unit{"MiB", uint64_t{1} << 20U},
    Unit{"GiB", uint64_t{1} << 30U},
    Unit{"TiB", uint64_t{1} << 40U},
    Unit{"KB", 1'000},
    Unit{"kB", 1'000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
};

// "<digits><unit>" in the smallest unit. Nothing when malformed or above INT64_MAX: both results
// end in signed arithmetic somewhere.
template <size_t N>
std::optional<uint64_t> parse_quantity(std::string_view text, const std::array<Unit, N>& units) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto count = parse_number<uint64_t>(text.substr(0, digits));
  if (digits == 0 || !count) return std::nullopt;
  for (const Unit& unit : units) {
    if (text.substr(digits) != unit.name) continue;
    if (*count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / unit.factor) {
      return std::nullopt;
    }
    return *count * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_string(const Node& node, Diagnostics& diagnostics) {
  if (node.is_scalar()) return node.text();
  mismatch(node, "a text", diagnostics);
  return std::nullopt;
}

std::optional<bool> read_bool(const Node& node, Diagnostics& diagnostics) {
  const std::string_view text = bare(node).value_or("");
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  mismatch(node, "true or false", diagnostics);
  return std::nullopt;
}

std::optional<int64_t> read_int(const Node& node, Diagnostics& diagnostics) {
  const auto value = parse_number<int64_t>(bare(node).value_or(""));
  if (!value) mismatch(node, "a whole number", diagnostics);
  return value;
}

std::optional<double> read_double(const Node& node, Diagnostics& diagnostics) {
  const auto value = parse_number<double>(bare(node).value_or(""));
  if (value && std::isfinite(*value)) return value;
  mismatch(node, "a number", diagnostics);
  return std::nullopt;
}

std::optional<milliseconds> read_duration(const Node& node, Diagnostics& diagnostics) {
  const std::string_view text = node.is_scalar() ? std::string_view(node.text()) : "";
  if (text == "0") return milliseconds(0);
  if (const auto value = parse_quantity(text, kDurationUnits)) {
    return milliseconds(static_cast<int64_t>(*value));
  }
  mismatch(node, "a duration", diagnostics,
           "a whole number and one of ms, s, m, h, d, w, for example 30s");
  return std::nullopt;
}

std::optional<uint64_t> read_bytes(const Node& node, Diagnostics& diagnostics) {
  const std::string_view text = node.is_scalar() ? std::string_view(node.text()) : "";
  if (const auto value = parse_quantity(text, kByteUnits)) return value;
  mismatch(node, "a size in bytes", diagnostics,
           "a whole number, alone or with a unit such as KiB, MiB, GiB, for example 64MiB");
  return std::nullopt;
}

std::optional<std::vector<std::string>> read_strings(const Node& node, Diagnostics& diagnostics) {
  if (node.is_scalar()) return std::vector<std::string>{node.text()};
  if (!node.is_sequence()) {
    mismatch(node, "a text or a list of texts", diagnostics);
    return std::nullopt;
  }
  std::vector<std::string> out;
  out.reserve(node.items().size());
  for (const Node& item : node.items()) {
    if (auto text = read_string(item, diagnostics)) out.push_back(*std::move(text));
  }
  if (out.size() != node.items().size()) return std::nullopt;
  return out;
}

MapReader::MapReader(const Node& node, std::string_view what, Diagnostics& diagnostics)
    : node_(node), what_(what), diagnostics_(diagnostics) {
  if (!node.is_map()) mismatch(node, fmt::format("a map for {}", what), diagnostics);
}

const Node* MapReader::optional(std::string_view key) {
  asked_.emplace_back(key);
  const Node* value = node_.find(key);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

const Node* MapReader::require(std::string_view key) {
  const Node* value = optional(key);
  if (value == nullptr && node_.is_map()) {
    report(node_, fmt::format("{} needs '{}'", what_, key), diagnostics_);
  }
  return value;
}

std::string MapReader::string(std::string_view key, std::string fallback) {
  const Node* value = optional(key);
  if (value == nullptr) return fallback;
  auto text = read_string(*value, diagnostics_);
  return text ? *std::move(text) : std::move(fallback);
}

bool MapReader::boolean(std::string_view key, bool fallback) {
  const Node* value = optional(key);
  return value == nullptr ? fallback : read_bool(*value, diagnostics_).value_or(fallback);
}

int64_t MapReader::integer(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  const Node* value = optional(key);
  if (value == nullptr) return fallback;
  const auto number = read_int(*value, diagnostics_);
  if (!number) return fallback;
  if (*number < min || *number > max) {
    report(*value, fmt::format("'{}' must be between {} and {}", key, min, max), diagnostics_);
    return fallback;
  }
  return *number;
}

double MapReader::number(std::string_view key, double fallback) {
  const Node* value = optional(key);
  return value == nullptr ? fallback : read_double(*value, diagnostics_).value_or(fallback);
}

milliseconds MapReader::duration(std::string_view key, milliseconds fallback) {
  const Node* value = optional(key);
  return value == nullptr ? fallback : read_duration(*value, diagnostics_).value_or(fallback);
}

uint64_t MapReader::bytes(std::string_view key, uint64_t fallback) {
  const Node* value = optional(key);
  return value == nullptr ? fallback : read_bytes(*value, diagnostics_).value_or(fallback);
}

std::vector<std::string> MapReader::strings(std::string_view key) {
  const Node* value = optional(key);
  if (value == nullptr) return {};
  return read_strings(*value, diagnostics_).value_or(std::vector<std::string>{});
}

std::string MapReader::required_string(std::string_view key) {
  const Node* value = require(key);
  if (value == nullptr) return {};
  return read_string(*value, diagnostics_).value_or("");
}

void MapReader::finish() {
  for (const Node::Entry& entry : node_.entries()) {
    const std::string& key = entry.key.text();
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const auto near = nearest(key, asked_);
    report(entry.key, fmt::format("unknown key '{}' in {}", key, what_), diagnostics_,
           near ? fmt::format("did you mean '{}'?", *near) : std::string());
  }
}

namespace {

// Edits to turn `a` into `b`: insert, delete, replace, or swap two neighbours; case is free.
size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::vector<size_t> before;
  std::vector<size_t> above(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + cost});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  // One edit in three letters is the most that still looks like a typo; beyond kLongest no name of
  // ours exists and the quadratic distance is not worth its time.
  constexpr size_t kLongest = 64;
  if (word.empty() || word.size() > kLongest) return std::nullopt;
  size_t best = std::max<size_t>(1, word.size() / 3) + 1;
  std::optional<std::string> found;
  for (const std::string& candidate : known) {
    if (candidate.empty() || candidate.size() > kLongest) continue;
    const size_t distance = edit_distance(word, candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

}  // namespace picket
