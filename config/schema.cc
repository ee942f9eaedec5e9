// Reads schema files; the format is described in schema.h.
//
// Tested by tests/config/schema_test.cc.
#include "config/schema.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/node.h"

namespace picket {
namespace {

void report(const Node& node, std::string message, Diagnostics& diagnostics,
            std::string hint = {}) {
  diagnostics.push_back({node.where(), std::move(message), std::move(hint), Severity::Error});
}

std::string trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// A list whose members are texts or lists of texts. A lone text counts as a list of one.
std::vector<std::vector<std::string>> read_groups(const Node& node, Diagnostics& diagnostics) {
  std::vector<std::vector<std::string>> groups;
  if (!node.is_sequence()) {
    if (auto one = read_strings(node, diagnostics)) groups.push_back(*std::move(one));
    return groups;
  }
  for (const Node& item : node.items()) {
    auto group = read_strings(item, diagnostics);
    if (!group) continue;
    if (group->empty()) report(item, "an empty list says nothing", diagnostics);
    groups.push_back(*std::move(group));
  }
  return groups;
}

Logsource read_logsource(const Node& node, Diagnostics& diagnostics) {
  MapReader reader(node, "logsource", diagnostics);
  Logsource logsource{reader.string("product", ""), reader.string("service", ""),
                      reader.string("category", "")};
  reader.finish();
  return logsource;
}

// Adds every source that `node` (a text or a list of texts) names.
std::vector<FieldSource> read_sources(const Node& node, Diagnostics& diagnostics) {
  std::vector<FieldSource> sources;
  const auto add = [&](const Node& item) {
    if (auto source = parse_field_source(item)) {
      sources.push_back(*std::move(source));
    } else {
      append(diagnostics, std::move(source).error());
    }
  };
  if (!node.is_sequence()) {
    add(node);
  } else {
    for (const Node& item : node.items()) add(item);
  }
  return sources;
}

void read_time(const Node& node, Schema& schema, Diagnostics& diagnostics) {
  if (!node.is_map()) {
    schema.time = read_sources(node, diagnostics);
    return;
  }
  MapReader reader(node, "time", diagnostics);
  if (const Node* field = reader.require("field")) {
    schema.time = read_sources(*field, diagnostics);
  }
  if (const Node* unit = reader.optional("unit")) {
    const std::vector<std::string> names = {"s", "ms", "us", "ns"};
    const std::string name = read_string(*unit, diagnostics).value_or("ms");
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      report(*unit, fmt::format("unknown time unit '{}'", name), diagnostics,
             "use one of s, ms, us, ns");
    } else {
      schema.time_unit = static_cast<TimeUnit>(found - names.begin());
    }
  }
  reader.finish();
}

void read_value_map(const Node& node, FieldRule& rule, Diagnostics& diagnostics) {
  if (!node.is_map()) return report(node, "'map' must be a map of texts", diagnostics);
  for (const Node::Entry& entry : node.entries()) {
    if (auto value = read_string(entry.value, diagnostics)) {
      rule.map.emplace(entry.key.text(), *std::move(value));
    }
  }
  if (rule.map.empty()) report(node, "an empty 'map' leaves no value", diagnostics);
}

void read_when(const Node& node, FieldRule& rule, Diagnostics& diagnostics) {
  if (!node.is_map() || node.entries().size() != 1) {
    return report(node, "'when' must name one path and its values", diagnostics,
                  "for example when: {path: [/v2/keys.verifyKey]}");
  }
  const Node::Entry& entry = node.entries().front();
  rule.when_path = entry.key.text();
  rule.when_values = read_strings(entry.value, diagnostics).value_or(std::vector<std::string>());
  if (rule.when_values.empty()) report(node, "'when' needs a value", diagnostics);
}

// {from: ..., capture: ..., map: ..., as: ..., when: ...}: one alternative per source under `from`.
void read_detailed(const Node& node, SchemaField& field, Diagnostics& diagnostics) {
  MapReader reader(node, fmt::format("field '{}'", field.name), diagnostics);
  FieldRule rule;
  rule.where = node.where();
  const Node* from = reader.require("from");
  if (const Node* capture = reader.optional("capture")) {
    rule.capture = read_string(*capture, diagnostics).value_or("");
    if (rule.capture.find('(') == std::string::npos) {
      report(*capture, "'capture' needs one group in parentheses", diagnostics);
    }
  }
  if (const Node* map = reader.optional("map")) read_value_map(*map, rule, diagnostics);
  if (const Node* as = reader.optional("as")) {
    if (read_string(*as, diagnostics).value_or("") == "unkey_urn") {
      rule.transform = FieldTransform::UnkeyUrn;
    } else {
      report(*as, "unknown transform", diagnostics, "the only one is 'unkey_urn'");
    }
  }
  if (const Node* when = reader.optional("when")) read_when(*when, rule, diagnostics);
  reader.finish();
  if (from == nullptr) return;
  for (FieldSource& source : read_sources(*from, diagnostics)) {
    // Elsewhere the presence of the key alone may already decide a rule.
    if (!rule.when_path.empty() && source.inner.empty()) {
      report(*from, "'when' is for sources inside a text, 'a > b'", diagnostics);
    }
    rule.source = std::move(source);
    field.alternatives.push_back(rule);
  }
}

void read_alternative(const Node& node, SchemaField& field, Diagnostics& diagnostics) {
  if (node.is_map()) return read_detailed(node, field, diagnostics);
  if (auto source = parse_field_source(node)) {
    FieldRule rule;
    rule.source = *std::move(source);
    rule.where = node.where();
    field.alternatives.push_back(std::move(rule));
  } else {
    append(diagnostics, std::move(source).error());
  }
}

void read_fields(const Node& node, Schema& schema, Diagnostics& diagnostics) {
  if (!node.is_map()) return report(node, "'fields' must be a map", diagnostics);
  for (const Node::Entry& entry : node.entries()) {
    SchemaField field{entry.key.text(), {}};
    if (entry.value.is_sequence()) {
      for (const Node& item : entry.value.items()) read_alternative(item, field, diagnostics);
      if (entry.value.items().empty()) {
        report(entry.value, fmt::format("field '{}' has no source", field.name), diagnostics);
      }
    } else {
      read_alternative(entry.value, field, diagnostics);
    }
    schema.fields.push_back(std::move(field));
  }
}

// An actor may name a raw path, so a name that no field maps is legal; one that nearly equals a
// mapped name is a typo that would silently weaken every per-actor rule.
void check_actor(const Node& node, const Schema& schema, Diagnostics& diagnostics) {
  std::vector<std::string> known;
  for (const SchemaField& field : schema.fields) known.push_back(field.name);
  for (const auto& tuple : schema.actor) {
    for (const std::string& name : tuple) {
      if (schema.field(name) != nullptr) continue;
      const auto near = nearest(name, known);
      if (!near || near->size() < 8) continue;
      report(node, fmt::format("actor '{}' is not one of the fields", name), diagnostics,
             fmt::format("did you mean '{}'?", *near));
    }
  }
}

void read_parts(MapReader& reader, Schema& schema, Diagnostics& diagnostics) {
  if (const Node* node = reader.optional("logsource")) {
    schema.logsource = read_logsource(*node, diagnostics);
  }
  if (const Node* node = reader.optional("recognise")) {
    schema.recognise = read_groups(*node, diagnostics);
  }
  if (const Node* node = reader.optional("time")) read_time(*node, schema, diagnostics);
  if (const Node* node = reader.optional("fields")) read_fields(*node, schema, diagnostics);
  if (const Node* node = reader.optional("actor")) {
    schema.actor = read_groups(*node, diagnostics);
    check_actor(*node, schema, diagnostics);
  }
}

}  // namespace

const SchemaField* Schema::field(std::string_view canonical) const {
  for (const SchemaField& candidate : fields) {
    if (candidate.name == canonical) return &candidate;
  }
  return nullptr;
}

Result<FieldSource> parse_field_source(const Node& node) {
  if (!node.is_scalar()) return fail(node.where(), "a source must be a text, for example 'a.b'");
  const std::string& text = node.text();
  const size_t arrow = text.find('>');
  const size_t bracket = text.find('[');
  FieldSource source;
  source.path = trim(text.substr(0, std::min(arrow, bracket)));
  if (arrow != std::string::npos && bracket != std::string::npos) {
    return fail(node.where(), "a source has either 'a > b' or 'a[b]', not both");
  }
  if (arrow != std::string::npos) {
    source.inner = trim(text.substr(arrow + 1));
    if (source.inner.empty() || source.inner.find('>') != std::string::npos) {
      return fail(node.where(), "'a > b' needs exactly one path on each side");
    }
  }
  if (bracket != std::string::npos) {
    const std::string rest = trim(text.substr(bracket + 1));
    if (rest.size() < 2 || rest.find(']') != rest.size() - 1) {
      return fail(node.where(), "'a[b]' needs a name between the brackets and nothing after them");
    }
    source.header = trim(rest.substr(0, rest.size() - 1));
  }
  if (source.path.empty()) return fail(node.where(), "a source needs a path");
  return source;
}

Result<Schema> parse_schema(const YamlFile& file) {
  if (file.documents.size() != 1) {
    return fail({*file.name, 1, 1}, "a schema file holds exactly one document");
  }
  return parse_schema(file.documents.front());
}

Result<Schema> parse_schema(const Node& root) {
  Diagnostics diagnostics;
  MapReader reader(root, "schema", diagnostics);
  Schema schema;
  schema.where = root.where();
  schema.name = reader.required_string("schema");
  schema.title = reader.string("title", "");
  schema.recognise_not = reader.strings("recognise_not");
  schema.envelope = reader.string("envelope", "");
  schema.lateness = reader.duration("lateness", schema.lateness);
  schema.roots = reader.strings("roots");
  read_parts(reader, schema, diagnostics);
  reader.finish();
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return schema;
}

}  // namespace picket
