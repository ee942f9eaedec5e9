#include "daemon/check.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <map>
#include <utility>

#include "daemon/http/server.h"
#include "daemon/inputs/input.h"
#include "daemon/loader.h"
#include "daemon/outputs/output.h"
#include "rules/rule_set.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

// Inputs are built and thrown away; none of them runs.
class NoSink final : public BatchSink {
 public:
  StreamId open_stream(StreamInfo) override { return 0; }
  bool push(LineBatch) override { return false; }
};

// The place of `key` in a map, or of the map.
Location place_of(const Node& map, std::string_view key) {
  const Node* node = map.find(key);
  return (node ? node : &map)->where();
}

template <class Kind>
const Kind* find_kind(const std::vector<Kind>& kinds, std::string_view what,
                      const std::pair<const Node&, const std::string&>& part,
                      Diagnostics& diagnostics) {
  const auto& [node, type] = part;
  std::vector<std::string> known;
  std::string list;
  for (const Kind& kind : kinds) {
    if (kind.type == type) return &kind;
    known.emplace_back(kind.type);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  // A type that is missing was reported by parse_settings().
  if (type.empty()) return nullptr;
  const std::optional<std::string> near = nearest(type, known);
  diagnostics.push_back({place_of(node, "type"), fmt::format("there is no {} '{}'", what, type),
                         near ? "did you mean '" + *near + "'?" : "there are: " + list});
  return nullptr;
}

void check_inputs(const Settings& settings, Diagnostics& diagnostics) {
  boost::asio::io_context loop;
  NoSink sink;
  RealDisk disk;
  SystemClock clock;
  for (const InputSettings& input : settings.inputs) {
    const InputKind* kind =
        find_kind(input_kinds(), "type of input", {*input.node, input.type}, diagnostics);
    if (!kind) continue;
    InputContext context{.executor = loop.get_executor(),
                         .sink = sink,
                         .disk = disk,
                         .clock = clock,
                         .name = input.name,
                         .max_line = input.max_line};
    auto made = kind->make(*input.node, std::move(context));
    if (!made) {
      append(diagnostics, std::move(made).error());
    } else if (input.overload == Overload::Shed && (*made)->stats().push) {
      // Its lines were acknowledged, and the spool is the place where they can wait.
      diagnostics.push_back({place_of(*input.node, "overload"),
                             fmt::format("an input of type {} cannot shed", input.type),
                             "lines wait in its spool; spool_max bounds that, and then the sender "
                             "is told to come back"});
    }
  }
}

// Remembers whether the file behind an output's `path` was there, and restores that.
class FileTrace {
 public:
  explicit FileTrace(const Node& node) {
    const Node* path = node.find("path");
    if (!path || !path->is_scalar()) return;
    std::error_code error;
    path_ = path->text();
    absent_ = !fs::exists(fs::symlink_status(path_, error));
  }
  ~FileTrace() {
    std::error_code error;
    if (absent_ && fs::is_regular_file(fs::symlink_status(path_, error)) &&
        fs::file_size(path_, error) == 0) {
      fs::remove(path_, error);
    }
  }
  FileTrace(const FileTrace&) = delete;
  FileTrace& operator=(const FileTrace&) = delete;

 private:
  fs::path path_;
  bool absent_ = false;
};

void check_outputs(const Settings& settings, Diagnostics& diagnostics) {
  SystemClock clock;
  for (const OutputSettings& output : settings.outputs) {
    const OutputKind* kind =
        find_kind(output_kinds(), "type of output", {*output.node, output.type}, diagnostics);
    if (!kind) continue;
    const FileTrace trace(*output.node);
    auto made = kind->make(*output.node, OutputContext{.name = output.name, .clock = clock});
    if (!made) append(diagnostics, std::move(made).error());
  }
}

void check_listen(const Settings& settings, Diagnostics& diagnostics) {
  if (settings.listen.empty()) return;
  const std::optional<ListenAddress> address = parse_listen_address(settings.listen);
  boost::system::error_code error;
  if (address) boost::asio::ip::make_address(address->host, error);
  if (address && !error) return;
  Location where;
  if (!settings.file.documents.empty()) {
    const Node& root = settings.file.documents.front();
    const Node* http = root.find("http");
    where = http ? place_of(*http, "listen") : root.where();
  }
  diagnostics.push_back({where, fmt::format("'{}' is not an address to listen on", settings.listen),
                         "write an IP address and a port, such as 127.0.0.1:9617 or [::1]:9617"});
}

bool same_value(const Node* a, const Node* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->kind() != b->kind() || a->entries().size() != b->entries().size()) return false;
  if (a->is_scalar() && a->text() != b->text()) return false;
  return std::ranges::all_of(a->entries(), [b](const Node::Entry& entry) {
    return same_value(&entry.value, b->find(entry.key.text()));
  });
}

// One text for one place to listen on; empty: none that others could want, too.
std::string listening_place(const InputSettings& input) {
  const bool is_unix = input.type == "unix";
  if (!is_unix && input.type != "http" && input.type != "tcp") return {};
  const Node* at = input.node->find(is_unix ? "path" : "listen");
  if (!at || !at->is_scalar()) return {};
  if (is_unix) return at->text();
  const std::optional<ListenAddress> address = parse_listen_address(at->text());
  if (!address || address->port == 0) return {};
  return fmt::format("{} {}", address->host, address->port);
}

// What two inputs at one place differ in although it belongs to the place.
void check_neighbours(const InputSettings& first, const InputSettings& next,
                      Diagnostics& diagnostics) {
  const Node& node = *next.node;
  if (first.type != "http" || next.type != "http") {
    diagnostics.push_back({place_of(node, next.type == "unix" ? "path" : "listen"),
                           fmt::format("input '{}' listens there already", first.name),
                           "only inputs of type http may share an address"});
    return;
  }
  for (const char* key : {"tls", "connections_max"}) {
    if (same_value(first.node->find(key), node.find(key))) continue;
    diagnostics.push_back(
        {place_of(node, key),
         fmt::format("'{}' differs from that of '{}', which has the same address", key, first.name),
         "it belongs to the port: write the same in both"});
  }
}

bool takes_otlp(const InputSettings& input) {
  const Node* at = input.node->find("otlp");
  Diagnostics ignored;  // the input itself reports what is no boolean
  return input.type == "http" && (!at || read_bool(*at, ignored).value_or(false));
}

// Each input is compared with the first of its place.
void check_places(const Settings& settings, Diagnostics& diagnostics) {
  std::map<std::string, const InputSettings*> first;
  std::map<std::string, const InputSettings*> first_for_otlp;
  for (const InputSettings& input : settings.inputs) {
    const std::string place = listening_place(input);
    if (place.empty()) continue;
    const auto [at, is_new] = first.emplace(place, &input);
    if (!is_new) check_neighbours(*at->second, input, diagnostics);
    if (!takes_otlp(input)) continue;
    const auto [other, is_only] = first_for_otlp.emplace(place, &input);
    if (is_only) continue;
    diagnostics.push_back(
        {place_of(*input.node, "otlp"),
         fmt::format("POST /v1/logs could be for '{}' and for '{}'", other->second->name,
                     input.name),
         "write 'otlp: false' in all but one of the inputs that share the address"});
  }
}

// A file that picket writes and also reads would grow for ever.
void check_loops(const Settings& settings, Diagnostics& diagnostics) {
  std::vector<std::string> written;
  if (!settings.dead_letter.path.empty()) written.push_back(settings.dead_letter.path);
  for (const OutputSettings& output : settings.outputs) {
    const Node* path = output.node->find("path");
    if (output.type == "file" && path && path->is_scalar()) written.push_back(path->text());
  }
  for (const InputSettings& input : settings.inputs) {
    const Node* paths = input.node->find("paths");
    Diagnostics ignored;  // the input itself reports what is wrong with its patterns
    if (input.type != "file" || !paths) continue;
    const auto patterns = read_strings(*paths, ignored).value_or(std::vector<std::string>());
    for (const std::string& pattern : patterns) {
      for (const std::string& path : written) {
        const std::string glob = fs::absolute(pattern).lexically_normal();
        const std::string file = fs::absolute(path).lexically_normal();
        if (path == "-" || ::fnmatch(glob.c_str(), file.c_str(), FNM_PATHNAME) != 0) continue;
        diagnostics.push_back({paths->where(),
                               fmt::format("'{}' matches '{}', which picket writes", pattern, path),
                               "give one of them another name or folder"});
      }
    }
  }
}

}  // namespace

Diagnostics check_parts(const Settings& settings) {
  Diagnostics diagnostics;
  check_inputs(settings, diagnostics);
  check_outputs(settings, diagnostics);
  check_listen(settings, diagnostics);
  check_places(settings, diagnostics);
  check_loops(settings, diagnostics);
  return diagnostics;
}

Diagnostics check_schema_names(const Settings& settings, const RuleSet& rules) {
  Diagnostics diagnostics;
  for (const InputSettings& input : settings.inputs) {
    if (input.own_schema) continue;
    Result<int> schema = resolve_schema(rules, input.schema);
    if (schema) continue;
    for (Diagnostic& problem : schema.error()) {
      problem.where = place_of(*input.node, "schema");
      diagnostics.push_back(std::move(problem));
    }
  }
  return diagnostics;
}

}  // namespace picket
