#include "daemon/loader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <system_error>

#include "daemon/allow_list.h"
#include "daemon/geoip.h"
#include "rules/rule_set.h"

namespace picket {

extern const std::string_view kDefaultConfig;

namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kFileBytesMax = 64 << 20;
constexpr size_t kReadBytes = 64 << 10;  // at a time, where the size is not known

bool is_yaml(const fs::path& path) {
  return path.extension() == ".yml" || path.extension() == ".yaml";
}

// The files that `path` stands for: itself, or all YAML files below it in byte order.
Result<std::vector<std::string>> yaml_files(const std::string& path) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return fail({path, 0, 0}, "no such file or folder");
  }
  if (!fs::is_directory(status)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(path, options, error), end; it != end && !error;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) && is_yaml(it->path())) files.push_back(it->path().string());
  }
  if (error) return fail({path, 0, 0}, "cannot be listed: " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

ShippedFiles files_in_tree(const fs::path& root) {
  return {(root / "config/schemas").string(), (root / "rules/packs").string(),
          (root / "config/errors").string(), (root / "docs/runbooks").string()};
}

ShippedFiles files_in_share(const fs::path& share) {
  return {(share / "schemas").string(), (share / "packs").string(), (share / "errors").string(),
          (share / "runbooks").string()};
}

void read_rule_file(const std::string& path, const Placeholders& placeholders,
                    RuleDocuments& documents) {
  Result<std::string> text = read_file(path);
  if (!text) {
    append(documents.rejected, std::move(text).error());
    return;
  }
  Result<YamlFile> file = parse_yaml(*std::move(text), path);
  if (!file) {
    append(documents.rejected, std::move(file).error());
    return;
  }
  read_rules(*std::move(file), placeholders, documents);
}

Result<Schema> read_schema_file(const std::string& path) {
  PICKET_TRY(std::string text, read_file(path));
  PICKET_TRY(YamlFile file, parse_yaml(std::move(text), path));
  return parse_schema(file);
}

// All schemas, each name once: a file named by the user replaces one that ships.
Result<std::vector<Schema>> read_schemas(const LoadRequest& request, const ShippedFiles& shipped) {
  std::vector<std::string> paths;
  Diagnostics problems;
  std::vector<std::string> folders;
  if (!shipped.schemas.empty()) folders.push_back(shipped.schemas);
  folders.insert(folders.end(), request.schemas.begin(), request.schemas.end());
  std::vector<Schema> schemas;
  auto add = [&schemas](Schema schema) {
    auto same = std::find_if(schemas.begin(), schemas.end(),
                             [&](const Schema& known) { return known.name == schema.name; });
    if (same != schemas.end()) {
      *same = std::move(schema);
    } else {
      schemas.push_back(std::move(schema));
    }
  };
  for (const std::string& folder : folders) {
    Result<std::vector<std::string>> files = yaml_files(folder);
    if (!files) {
      append(problems, std::move(files).error());
      continue;
    }
    for (const std::string& path : *files) {
      Result<Schema> schema = read_schema_file(path);
      if (schema) {
        add(*std::move(schema));
      } else {
        append(problems, std::move(schema).error());
      }
    }
  }
  std::erase_if(schemas, [&](const Schema& schema) {
    const auto& named = request.named_schemas;
    const bool by_file = std::find(request.schemas.begin(), request.schemas.end(),
                                   schema.where.file) != request.schemas.end();
    const bool by_name = std::find(named.begin(), named.end(), schema.name) != named.end();
    return schema.recognise.empty() && !by_file && !by_name;
  });
  for (const Schema& schema : request.own_schemas) add(schema);
  if (has_errors(problems)) return std::unexpected(std::move(problems));
  return schemas;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return fail({path, 0, 0}, "no such file");
  if (fs::is_directory(status)) return fail({path, 0, 0}, "is a directory, not a file");
  if (fs::is_regular_file(status) && fs::file_size(path, error) > kFileBytesMax) {
    return fail({path, 0, 0}, "is larger than 64 MiB");
  }
  const auto unreadable = [&path](int why) {
    return fail({path, 0, 0},
                "cannot be read: " + std::error_code(why, std::system_category()).message());
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return unreadable(errno);
  // A regular file tells its size; one read more finds its end, also when it grew meanwhile.
  std::string text;
  text.resize(fs::is_regular_file(status) ? fs::file_size(path, error) + 1 : kReadBytes);
  size_t size = 0;
  ssize_t got = 0;
  while ((got = ::read(file, text.data() + size, text.size() - size)) > 0) {
    size += static_cast<size_t>(got);
    if (size > kFileBytesMax) break;
    if (size == text.size()) text.resize(size + kReadBytes);
  }
  const int why = got < 0 ? errno : 0;
  ::close(file);
  if (why != 0) return unreadable(why);
  if (size > kFileBytesMax) return fail({path, 0, 0}, "is larger than 64 MiB");
  text.resize(size);
  return text;
}

ShippedFiles find_shipped_files() {
  std::error_code error;
  fs::path binary = fs::read_symlink("/proc/self/exe", error);
  std::vector<ShippedFiles> places;
  if (!error) {
    fs::path folder = binary.parent_path();
    places.push_back(files_in_share(folder));
    places.push_back(files_in_tree(folder.parent_path().parent_path()));
    places.push_back(files_in_share(folder.parent_path() / "share/picket"));
  }
  places.push_back(files_in_share("/usr/share/picket"));
  for (const ShippedFiles& place : places) {
    if (fs::is_directory(place.schemas, error)) return place;
  }
  return {};
}

Result<std::shared_ptr<const RuleSet>> load_rules(const LoadRequest& request) {
  ShippedFiles shipped = find_shipped_files();
  PICKET_TRY(std::vector<Schema> schemas, read_schemas(request, shipped));
  if (schemas.empty()) {
    return fail({}, "no schema says how lines are read; those that ship with picket were not found",
                "name one with --schema, or install picket's data under /usr/share/picket");
  }
  std::vector<std::string> paths = request.rules;
  if (paths.empty() && !request.no_rules) {
    if (shipped.packs.empty()) {
      return fail({}, "the rule packs that ship with picket were not found",
                  "name rules with --rules, or install picket's data under /usr/share/picket");
    }
    paths.push_back(shipped.packs);
  }
  RuleDocuments documents;
  documents.keep_nodes = request.keep_nodes;
  Diagnostics problems;
  for (const std::string& path : paths) {
    Result<std::vector<std::string>> files = yaml_files(path);
    if (!files) {
      append(problems, std::move(files).error());
      continue;
    }
    for (const std::string& file : *files) {
      read_rule_file(file, request.placeholders, documents);
    }
  }
  append(problems, apply_allow_list(request.allow, documents));
  auto addresses = GeoIp::open(request.geoip);
  if (!addresses) append(problems, addresses.error());
  if (has_errors(problems)) return std::unexpected(std::move(problems));
  return RuleSet::make(std::move(documents), std::move(schemas), *std::move(addresses));
}

LoadRequest load_request(const Settings& settings) {
  LoadRequest request;
  request.rules = settings.rules;
  request.schemas = settings.schemas;
  request.placeholders = settings.placeholders;
  request.allow = settings.allow;
  request.geoip = settings.geoip;
  for (const InputSettings& input : settings.inputs) {
    if (input.own_schema) {
      request.own_schemas.push_back(*input.own_schema);
    } else {
      add_schema(input.schema, request);
    }
  }
  return request;
}

Result<ParsedSettings> load_settings(const std::string& path) {
  std::string text(kDefaultConfig);
  std::string name = "(default configuration)";
  if (!path.empty()) {
    PICKET_TRY(text, read_file(path));
    name = path;
  }
  PICKET_TRY(YamlFile file, parse_yaml(std::move(text), name));
  return parse_settings(std::move(file));
}

void add_schema(std::string_view name, LoadRequest& request) {
  bool file = name.find('/') != name.npos || name.ends_with(".yaml") || name.ends_with(".yml");
  (file ? request.schemas : request.named_schemas).emplace_back(name);
}

Result<int> resolve_schema(const RuleSet& rules, std::string_view name) {
  if (name.empty()) return -1;
  std::vector<std::string> known;
  const std::vector<Schema>& schemas = rules.plans().schemas;
  for (size_t i = 0; i < schemas.size(); ++i) {
    if (schemas[i].name == name || schemas[i].where.file == name) return static_cast<int>(i);
    known.push_back(schemas[i].name);
  }
  std::optional<std::string> near = nearest(name, known);
  return fail({}, fmt::format("there is no schema '{}'", name),
              near ? "did you mean '" + *near + "'?" : "`picket check` lists them");
}

std::string describe_diagnostics(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!text.empty()) text += '\n';
    text += render(diagnostic);
  }
  return text;
}

void print_diagnostics(const Diagnostics& diagnostics) {
  std::map<std::string, std::string> texts;
  for (const Diagnostic& diagnostic : diagnostics) {
    auto [it, fresh] = texts.try_emplace(diagnostic.where.file);
    if (fresh && !diagnostic.where.file.empty()) {
      it->second = read_file(diagnostic.where.file).value_or("");
    }
    fmt::print(stderr, "{}\n", render(diagnostic, it->second));
  }
}

}  // namespace picket
