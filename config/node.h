// Node: one value of a YAML document, with the place it was written at.
//
// libyaml is the parser behind it, used through its event interface in node.cc only: a Node is our
// own small tree, so that duplicate keys are refused and a quoted "404" can be told from a bare
// one.
//
// Thread rule: immutable after parse_yaml; may be read from any thread while its YamlFile lives.
// A Node borrows the file's name from its YamlFile and must not outlive it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/result.h"

namespace picket {

class Node {
 public:
  enum class Kind : uint8_t { Null, Scalar, Sequence, Map };
  struct Entry;

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::Null; }
  bool is_scalar() const { return kind_ == Kind::Scalar; }
  bool is_sequence() const { return kind_ == Kind::Sequence; }
  bool is_map() const { return kind_ == Kind::Map; }

  // REQUIRES: is_scalar(). The text without quotes; `quoted` tells "404" from 404.
  const std::string& text() const { return text_; }
  bool quoted() const { return quoted_; }

  // The members of a sequence; empty for any other kind.
  const std::vector<Node>& items() const { return items_; }
  // The members of a map in file order; empty for any other kind.
  const std::vector<Entry>& entries() const { return entries_; }
  // The value under `key`, or null when absent or this is not a map.
  const Node* find(std::string_view key) const;

  Location where() const { return {file_ ? *file_ : std::string(), line_, column_}; }

 private:
  friend class NodeBuilder;
  Kind kind_ = Kind::Null;
  bool quoted_ = false;
  uint32_t line_ = 0;
  uint32_t column_ = 0;
  const std::string* file_ = nullptr;
  std::string text_;
  std::vector<Node> items_;
  std::vector<Entry> entries_;
};

struct Node::Entry {
  Node key;
  Node value;
};

// The documents of one file and the name and text that their positions refer to.
struct YamlFile {
  std::unique_ptr<const std::string> name;
  std::unique_ptr<const std::string> text;
  std::vector<Node> documents;
};

// Parses all documents of `text`. Errors: syntax, duplicate keys, aliases to unknown anchors,
// nesting deeper than 64 levels, each at its place; more than 32 MiB or 500,000 values.
Result<YamlFile> parse_yaml(std::string text, std::string name);

// Scalars by type. Each adds a diagnostic at the node and returns nothing when it does not fit.
std::optional<std::string> read_string(const Node& node, Diagnostics& diagnostics);
std::optional<bool> read_bool(const Node& node, Diagnostics& diagnostics);
std::optional<int64_t> read_int(const Node& node, Diagnostics& diagnostics);
std::optional<double> read_double(const Node& node, Diagnostics& diagnostics);
// "500ms", "30s", "10m", "1h", "7d", "2w"; a bare 0 is accepted.
std::optional<std::chrono::milliseconds> read_duration(const Node& node, Diagnostics& diagnostics);
// "65536", "64KiB", "8MiB", "1GiB", also "64KB" style powers of 1000.
std::optional<uint64_t> read_bytes(const Node& node, Diagnostics& diagnostics);
// A scalar or a sequence of scalars.
std::optional<std::vector<std::string>> read_strings(const Node& node, Diagnostics& diagnostics);

// Reads the keys of one map, remembers which were asked for, and reports the rest as unknown with
// the nearest known key as a hint. Every problem is collected; the caller looks at the diagnostics
// once, at the end.
class MapReader {
 public:
  // `what` names the map in messages ("input", "http"). A node that is not a map is reported; then
  // every read returns its default.
  MapReader(const Node& node, std::string_view what, Diagnostics& diagnostics);

  // The child under `key`, or null. `require` reports its absence at the map's place.
  const Node* optional(std::string_view key);
  const Node* require(std::string_view key);

  std::string string(std::string_view key, std::string fallback);
  bool boolean(std::string_view key, bool fallback);
  int64_t integer(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  double number(std::string_view key, double fallback);
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds fallback);
  uint64_t bytes(std::string_view key, uint64_t fallback);
  std::vector<std::string> strings(std::string_view key);
  std::string required_string(std::string_view key);

  // Reports every key that was never asked for. Call it once, last.
  void finish();

 private:
  const Node& node_;
  std::string what_;
  Diagnostics& diagnostics_;
  std::vector<std::string> asked_;
};

// The entry of `known` nearest to `word` by edit distance, when near enough to be a likely typo.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace picket
