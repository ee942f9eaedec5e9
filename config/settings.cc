#include "config/settings.h"

#include <algorithm>
#include <set>

namespace picket {
namespace {

const Node kNothing;

// Reads the keys that all inputs share; the input itself reports keys that nobody knows.
InputSettings parse_input(const Node& node, Diagnostics& diagnostics) {
  InputSettings input;
  input.node = &node;
  MapReader reader(node, "input", diagnostics);
  input.name = reader.required_string("name");
  input.type = reader.required_string("type");
  if (reader.optional("lateness")) input.lateness = reader.duration("lateness", {});
  if (reader.optional("silent_after")) input.silent_after = reader.duration("silent_after", {});
  input.max_line = reader.bytes("max_line", input.max_line);
  const std::string overload = reader.string("overload", "block");
  if (overload == "shed") {
    input.overload = Overload::Shed;
  } else if (overload != "block") {
    diagnostics.push_back({node.find("overload")->where(), "overload is either block or shed", ""});
  }
  const Node* schema = reader.optional("schema");
  if (schema && schema->is_map()) {
    Result<Schema> own = parse_schema(*schema);
    if (own) {
      input.own_schema = *std::move(own);
      input.schema = input.own_schema->name;
    } else {
      append(diagnostics, std::move(own).error());
    }
  } else if (schema) {
    input.schema = read_string(*schema, diagnostics).value_or("");
  }
  if (input.max_line < 1024 && node.is_map()) {
    const Node* bound = node.find("max_line");
    diagnostics.push_back({(bound ? *bound : node).where(), "max_line must be at least 1KiB", ""});
  }
  return input;
}

OutputSettings parse_output(const Node& node, Diagnostics& diagnostics) {
  OutputSettings output;
  output.node = &node;
  MapReader reader(node, "output", diagnostics);
  output.type = reader.required_string("type");
  output.name = reader.string("name", output.type);
  return output;
}

// An entry without an end or an owner stays for ever, so all of it must be there.
AllowEntry parse_allow(const Node& node, Diagnostics& diagnostics) {
  AllowEntry entry;
  entry.where = node.where();
  MapReader reader(node, "allow entry", diagnostics);
  for (const char* kind : {"address", "key_id", "workspace_id", "principal_arn"}) {
    const Node* values = reader.optional(kind);
    if (!values) continue;
    if (!entry.kind.empty()) {
      diagnostics.push_back({values->where(),
                             "an allow entry has either '" + entry.kind + "' or '" + kind + "'",
                             "write two entries"});
      continue;
    }
    entry.kind = kind;
    entry.values = read_strings(*values, diagnostics).value_or(std::vector<std::string>());
  }
  if (entry.kind.empty()) {
    diagnostics.push_back({node.where(), "an allow entry needs somebody to allow",
                           "address, key_id, workspace_id or principal_arn"});
  }
  entry.expires = reader.required_string("expires");
  entry.owner = reader.required_string("owner");
  entry.reason = reader.required_string("reason");
  reader.finish();
  return entry;
}

template <class T>
void check_names(const std::vector<T>& parts, std::string_view what, Diagnostics& diagnostics) {
  std::set<std::string> names;
  for (const T& part : parts) {
    if (part.name.empty() || names.insert(part.name).second) continue;
    const Node* name = part.node->find("name");
    diagnostics.push_back({(name ? name : part.node)->where(),
                           "a second " + std::string(what) + " is called '" + part.name + "'",
                           "names must differ: they are labels of metrics"});
  }
}

const std::vector<Node>& list_of(MapReader& reader, std::string_view key,
                                 Diagnostics& diagnostics) {
  const Node* node = reader.optional(key);
  if (node && !node->is_sequence() && !node->is_null()) {
    diagnostics.push_back({node->where(), std::string(key) + " must be a list", ""});
  }
  return node ? node->items() : kNothing.items();
}

void parse_self_watch(const Node& node, SelfWatchSettings& watch, Diagnostics& diagnostics) {
  MapReader reader(node, "self_watch", diagnostics);
  watch.lag_bytes_max = reader.bytes("lag_bytes_max", watch.lag_bytes_max);
  watch.lag_age_max = reader.duration("lag_age_max", watch.lag_age_max);
  watch.patience = reader.duration("patience", watch.patience);
  watch.resolve_after = reader.duration("resolve_after", watch.resolve_after);
  reader.finish();
}

void parse_sections(MapReader& reader, Settings& settings, Diagnostics& diagnostics) {
  if (const Node* node = reader.optional("http")) {
    MapReader http(*node, "http", diagnostics);
    settings.listen = http.string("listen", settings.listen);
    http.finish();
  }
  if (const Node* node = reader.optional("state")) {
    MapReader state(*node, "state", diagnostics);
    settings.state.path = state.string("path", "");
    settings.state.memory_max = state.bytes("memory_max", settings.state.memory_max);
    settings.state.pending_max = state.bytes("pending_max", settings.state.pending_max);
    settings.state.commit_interval =
        state.duration("commit_interval", settings.state.commit_interval);
    state.finish();
  }
  if (const Node* node = reader.optional("pipeline")) {
    MapReader pipeline(*node, "pipeline", diagnostics);
    settings.pipeline.workers = static_cast<uint32_t>(pipeline.integer("workers", 1, 1, 64));
    settings.pipeline.batch_bytes = pipeline.bytes("batch_bytes", settings.pipeline.batch_bytes);
    settings.pipeline.queue_bytes = pipeline.bytes("queue_bytes", settings.pipeline.queue_bytes);
    pipeline.finish();
  }
  if (const Node* node = reader.optional("dead_letter")) {
    MapReader dead(*node, "dead_letter", diagnostics);
    settings.dead_letter.path = dead.string("path", settings.dead_letter.path);
    settings.dead_letter.max_bytes = dead.bytes("max_bytes", settings.dead_letter.max_bytes);
    dead.finish();
  }
  if (const Node* node = reader.optional("self_watch")) {
    parse_self_watch(*node, settings.self_watch, diagnostics);
  }
  if (const Node* node = reader.optional("placeholders")) {
    if (!node->is_map()) diagnostics.push_back({node->where(), "placeholders must be a map", ""});
    for (const Node::Entry& entry : node->entries()) {
      auto values = read_strings(entry.value, diagnostics);
      settings.placeholders.emplace_back(entry.key.text(),
                                         values.value_or(std::vector<std::string>()));
    }
  }
}

}  // namespace

ParsedSettings parse_settings(YamlFile file) {
  ParsedSettings parsed;
  Settings& settings = parsed.settings;
  settings.file = std::move(file);
  Diagnostics& diagnostics = parsed.diagnostics;
  if (settings.file.documents.size() != 1) {
    diagnostics.push_back(
        {{*settings.file.name, 1, 1}, "a configuration file holds exactly one document", ""});
    return parsed;
  }
  MapReader reader(settings.file.documents.front(), "configuration", diagnostics);
  for (const Node& node : list_of(reader, "inputs", diagnostics)) {
    settings.inputs.push_back(parse_input(node, diagnostics));
  }
  for (const Node& node : list_of(reader, "outputs", diagnostics)) {
    settings.outputs.push_back(parse_output(node, diagnostics));
  }
  for (const Node& node : list_of(reader, "allow", diagnostics)) {
    settings.allow.push_back(parse_allow(node, diagnostics));
  }
  for (const Node& node : list_of(reader, "geoip", diagnostics)) {
    if (node.is_scalar()) {
      settings.geoip.push_back({node.text(), node.where()});
    } else {
      diagnostics.push_back({node.where(), "geoip lists names of files", ""});
    }
  }
  check_names(settings.inputs, "input", diagnostics);
  check_names(settings.outputs, "output", diagnostics);
  parse_sections(reader, settings, diagnostics);
  settings.rules = reader.strings("rules");
  settings.schemas = reader.strings("schemas");
  settings.max_future_skew = reader.duration("max_future_skew", settings.max_future_skew);
  reader.finish();
  return parsed;
}

}  // namespace picket
