// Loader: finds and reads the files that a command needs: configuration, schemas, rules, texts.
//
// What ships (schemas, packs, error texts) is looked for beside the binary, in the source tree that
// the binary was built in (two folders up from build/<preset>/), and under /usr/share/picket; the
// first place that has a schemas folder wins.
//
// Thread rule: start-up and reload only, one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "config/settings.h"
#include "rules/rule_spec.h"
#include "rules/types.h"

namespace picket {

class RuleSet;

// The text of a file. Errors: absent, unreadable, a directory, larger than 64 MiB.
Result<std::string> read_file(const std::string& path);

// Where things that ship lie; an empty folder was not found.
struct ShippedFiles {
  std::string schemas = {};
  std::string packs = {};
  std::string errors = {};
  std::string runbooks = {};
};
ShippedFiles find_shipped_files();

// What to load. Empty `rules`: the packs that ship.
struct LoadRequest {
  std::vector<std::string> rules = {};
  std::vector<std::string> schemas = {};
  std::vector<Schema> own_schemas = {};
  // A schema that no line is recognised as (`raw`) costs all rules once more and is loaded only if
  // it stands here.
  std::vector<std::string> named_schemas = {};
  Placeholders placeholders = {};
  std::vector<AllowEntry> allow = {};
  std::vector<NamedFile> geoip = {};
  bool keep_nodes = false;  // see RuleDocuments
  bool no_rules = false;    // schemas only
};

// Rules and schemas, compiled. Rules that could not be loaded are listed in rejected() of the set;
// errors: a path that does not exist, a broken schema.
Result<std::shared_ptr<const RuleSet>> load_rules(const LoadRequest& request);

// What a configuration asks for.
LoadRequest load_request(const Settings& settings);

// The configuration at `path`; the embedded default when empty. Errors that prevent any reading are
// the Result's; the rest is in the diagnostics.
Result<ParsedSettings> load_settings(const std::string& path);

// The schema called or stored at `name`, as an index into the set; empty: -1 (recognise).
// Errors: no such schema, with the nearest name.
Result<int> resolve_schema(const RuleSet& rules, std::string_view name);

// Adds what a `--schema` names, a file or a schema, to what is loaded.
void add_schema(std::string_view name, LoadRequest& request);

// One line each, without the text of the files, which may hold secrets.
std::string describe_diagnostics(const Diagnostics& diagnostics);

// Prints diagnostics for people on standard error, with the offending line where the file is at
// hand.
void print_diagnostics(const Diagnostics& diagnostics);

}  // namespace picket
