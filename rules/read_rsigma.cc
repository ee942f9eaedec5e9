#include "rules/read_rsigma.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "rules/read_picket.h"

namespace picket {
namespace {

constexpr std::string_view kPrefix = "rsigma.";

using Reading = void (*)(const Node& value, RsigmaAttributes& out, ReadContext& context);

std::string_view text_of(const Node& value) {
  return value.is_scalar() ? std::string_view(value.text()) : std::string_view();
}

void suppress(const Node& value, RsigmaAttributes& out, ReadContext& context) {
  out.cooldown = read_duration(value, context.diagnostics);
}

// A number, which may stand in quotes there.
void max_events(const Node& value, RsigmaAttributes& out, ReadContext& context) {
  const std::string_view text = text_of(value);
  int count = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || count < 0) {
    return context.error(value, "'rsigma.max_correlation_events' must be a whole number");
  }
  if (!out.evidence) out.evidence = std::min(count, kEvidenceMax);
}

// Alerts name their events in any mode but `none`.
void event_mode(const Node& value, RsigmaAttributes& out, ReadContext& /*context*/) {
  if (text_of(value) == "none") out.evidence = 0;
}

void window(const Node& value, RsigmaAttributes& /*out*/, ReadContext& context) {
  if (text_of(value) == "sliding") return;
  context.warn(value, fmt::format("'rsigma.window: {}' is not followed", text_of(value)),
               "windows slide here, over the timespan");
}

void gap(const Node& value, RsigmaAttributes& /*out*/, ReadContext& context) {
  context.warn(value, "'rsigma.gap' is not followed", "windows slide here, over the timespan");
}

void action(const Node& value, RsigmaAttributes& /*out*/, ReadContext& context) {
  if (text_of(value) != "reset") return;
  context.warn(value, "'rsigma.action: reset' is not followed",
               "an alert stays open while its condition holds");
}

void exemplars(const Node& value, RsigmaAttributes& /*out*/, ReadContext& context) {
  context.warn(value, "the examples under 'rsigma.exemplars' are not run",
               "write them as 'picket: {tests: [...]}'");
}

void timestamp_field(const Node& value, RsigmaAttributes& /*out*/, ReadContext& context) {
  context.warn(value, "'rsigma.timestamp_field' is not followed",
               "the schema of a source says where its time is");
}

void nothing(const Node& /*value*/, RsigmaAttributes& /*out*/, ReadContext& /*context*/) {}

struct Attribute {
  std::string_view name;
  Reading read;
};

constexpr std::array kAttributes = {
    Attribute{"suppress", suppress},
    Attribute{"max_correlation_events", max_events},
    Attribute{"correlation_event_mode", event_mode},
    Attribute{"window", window},
    Attribute{"gap", gap},
    Attribute{"action", action},
    Attribute{"exemplars", exemplars},
    Attribute{"timestamp_field", timestamp_field},
    Attribute{"include_event", nothing},      // evidence is always kept
    Attribute{"max_group_entries", nothing},  // groups are bounded here in any case
};

void read_all(const Node& from, RsigmaAttributes& out, ReadContext& context) {
  for (const Node::Entry& entry : from.entries()) {
    if (!entry.key.text().starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(entry.key.text()).substr(kPrefix.size());
    const auto known = std::find_if(kAttributes.begin(), kAttributes.end(),
                                    [&](const Attribute& a) { return a.name == name; });
    if (known != kAttributes.end()) {
      known->read(entry.value, out, context);
      continue;
    }
    std::vector<std::string> names;
    for (const Attribute& attribute : kAttributes) names.emplace_back(attribute.name);
    context.warn(entry.key, fmt::format("'{}' is not followed", entry.key.text()),
                 did_you_mean(name, names));
  }
}

}  // namespace

RsigmaAttributes read_rsigma(const Node& root, ReadContext& context) {
  RsigmaAttributes out;
  if (const Node* custom = root.find("custom_attributes")) read_all(*custom, out, context);
  read_all(root, out, context);
  return out;
}

}  // namespace picket
