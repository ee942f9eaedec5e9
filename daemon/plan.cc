#include "daemon/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <utility>

#include "daemon/check.h"
#include "daemon/loader.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kNamedFileMax = 1 << 20;

// Appends the value so that different values never look alike. `named`: scalars may be names of
// files that belong to it.
void describe(const Node& node, bool named, std::string& out) {
  const auto text = [&out](std::string_view part) {
    out += fmt::format("{}:{}", part.size(), part);
  };
  switch (node.kind()) {
    case Node::Kind::Null:
      out += '~';
      return;
    case Node::Kind::Scalar: {
      text(node.text());
      std::error_code error;
      if (!named || !fs::is_regular_file(node.text(), error)) return;
      if (fs::file_size(node.text(), error) > kNamedFileMax || error) return;
      out += '=';
      text(read_file(node.text()).value_or(""));
      return;
    }
    case Node::Kind::Sequence:
      out += '[';
      for (const Node& item : node.items()) describe(item, named, out);
      out += ']';
      return;
    case Node::Kind::Map:
      out += '{';
      for (const Node::Entry& entry : node.entries()) {
        text(entry.key.text());
        describe(entry.value, named, out);
      }
      out += '}';
      return;
  }
}

std::string identity_of(const Node& section, std::span<const std::string_view> elsewhere) {
  std::string identity;
  for (const Node::Entry& entry : section.entries()) {
    const std::string& key = entry.key.text();
    if (std::ranges::find(elsewhere, key) != elsewhere.end()) continue;
    identity += fmt::format("{}:{}", key.size(), key);
    // What is read or written there changes all the time.
    describe(entry.value, key != "path" && key != "paths", identity);
  }
  return identity;
}

Location place_in(const YamlFile& file, std::string_view section, std::string_view key) {
  if (file.documents.empty()) return {};
  const Node* map = file.documents.front().find(section);
  const Node* value = map ? map->find(key) : nullptr;
  return (value ? value : map ? map : &file.documents.front())->where();
}

// What was read of standard input and not processed yet, an unfinished line perhaps, is nowhere
// else: the input that holds it must stay as it is.
void check_stdin(const Plan& now, const Plan& next, Diagnostics& problems) {
  const auto is_stdin = [](const InputSettings& input) { return input.type == "stdin"; };
  if (std::ranges::none_of(now.settings.inputs, is_stdin)) return;
  for (size_t i = 0; i < next.settings.inputs.size(); ++i) {
    const InputSettings& input = next.settings.inputs[i];
    const auto& known = now.input_identities;
    if (!is_stdin(input) || std::ranges::find(known, next.input_identities[i]) != known.end()) {
      continue;
    }
    problems.push_back(
        {input.node->where(), "an input of type stdin cannot change while picket runs",
         "restart picket, remove the input, or leave its name and max_line as they were"});
  }
}

}  // namespace

Result<std::shared_ptr<const Plan>> load_plan(const RunOptions& options) {
  PICKET_TRY(ParsedSettings parsed, load_settings(options.config));
  auto plan = std::make_shared<Plan>();
  plan->settings = std::move(parsed.settings);
  PipelineSettings& pipeline = plan->settings.pipeline;
  pipeline.workers = options.workers.value_or(pipeline.workers);
  pipeline.batch_bytes = options.batch_bytes.value_or(pipeline.batch_bytes);
  Diagnostics diagnostics = std::move(parsed.diagnostics);
  append(diagnostics, check_parts(plan->settings));
  Result<std::shared_ptr<const RuleSet>> rules = load_rules(load_request(plan->settings));
  if (rules) {
    plan->rules = *std::move(rules);
    append(diagnostics, plan->rules->rejected());
    append(diagnostics, check_schema_names(plan->settings, *plan->rules));
  } else {
    append(diagnostics, std::move(rules).error());
  }
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  plan->warnings = std::move(diagnostics);
  for (const InputSettings& input : plan->settings.inputs) {
    constexpr std::array<std::string_view, 2> kOfThePipeline = {"schema", "lateness"};
    plan->input_identities.push_back(input.name + '\n' + identity_of(*input.node, kOfThePipeline));
  }
  for (const OutputSettings& output : plan->settings.outputs) {
    plan->output_identities.push_back(output.name + '\n' + identity_of(*output.node, {}));
  }
  return plan;
}

Diagnostics fixed_differences(const Plan& now, const Plan& next) {
  Diagnostics problems;
  const auto refuse = [&](std::string_view section, std::string_view key) {
    problems.push_back({place_in(next.settings.file, section, key),
                        fmt::format("'{}.{}' cannot change while picket runs", section, key),
                        "restart it, or put the old value back"});
  };
  if (next.settings.listen != now.settings.listen) refuse("http", "listen");
  if (state_path(next.settings.state) != state_path(now.settings.state)) refuse("state", "path");
  check_stdin(now, next, problems);
  return problems;
}

std::string state_path(const StateSettings& state) {
  if (!state.path.empty()) return state.path;
  const char* folder = std::getenv("STATE_DIRECTORY");
  return folder && *folder ? std::string(folder) + "/picket.db" : "picket.db";
}

}  // namespace picket
