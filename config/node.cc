// Builds our tree from yaml-cpp's events; the only file that sees yaml-cpp and its exceptions.
//
// The event interface is used because the library's own tree keeps duplicate keys silently, shares
// nodes between aliases and costs several allocations per scalar.
//
// Bounds: nesting (kDepthMax) and the number of values that aliases may add to one document
// (kAliasValuesMax), so that a short file cannot unfold into gigabytes.
//
// Tested by tests/config/node_test.cc.
#include "config/node.h"

#include <algorithm>
#include <exception>
#include <map>
#include <spanstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace picket {
namespace {

constexpr size_t kDepthMax = 64;
constexpr size_t kAliasValuesMax = 100'000;

struct TreeSize {
  size_t values = 1;
  size_t depth = 1;
};

TreeSize tree_size(const Node& node) {
  TreeSize size;
  const auto add = [&size](const Node& child) {
    const TreeSize inner = tree_size(child);
    size.values += inner.values;
    size.depth = std::max(size.depth, inner.depth + 1);
  };
  for (const Node& item : node.items()) add(item);
  for (const Node::Entry& entry : node.entries()) add(entry.value);
  return size;
}

// True when the quoted text that starts at `at` has its closing quote. yaml-cpp takes the end of
// the file for one when a line end comes before it, and would swallow half a file without a word.
bool is_closed(std::string_view text, size_t at) {
  const char quote = at < text.size() ? text[at] : '\0';
  if (quote != '\'' && quote != '"') return true;
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) return true;
      ++i;
    }
  }
  return false;
}

}  // namespace

// Receives the events of one file. After a problem it keeps taking events, so that all problems of
// a file are found at once; what lies below the depth limit is skipped.
class NodeBuilder final : public YAML::EventHandler {
 public:
  NodeBuilder(const std::string& file, std::vector<Node>& documents, Diagnostics& diagnostics)
      : file_(file), documents_(documents), diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    alias_values_ = 0;
    document_ = make(Node::Kind::Null, mark);
  }
  void OnDocumentEnd() override { documents_.push_back(std::move(document_)); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (skipped_ == 0) add(make(Node::Kind::Null, mark), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (skipped_ > 0) return;
    Node node = make(Node::Kind::Scalar, mark);
    node.text_ = value;
    node.quoted_ = tag == "!" || tag == "tag:yaml.org,2002:str";
    last_scalar_ = mark;
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (skipped_ > 0) return;
    Node place = make(Node::Kind::Null, mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      report(place, "this alias refers to a value that contains it");
      return add(std::move(place), 0);
    }
    const TreeSize size = tree_size(found->second);
    alias_values_ += size.values;
    if (open_.size() + size.depth > kDepthMax || alias_values_ > kAliasValuesMax) {
      report(place, "the aliases of this document unfold to too many values");
      return add(std::move(place), 0);
    }
    add(Node(found->second), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::Sequence, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::Map, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    if (skipped_ == 0) refuse_duplicates(open_.back().node);
    close();
  }

  // Only the last scalar of a file can lack its closing quote.
  void check_last_quote(std::string_view text) {
    if (last_scalar_.is_null() || is_closed(text, static_cast<size_t>(last_scalar_.pos))) return;
    report(make(Node::Kind::Scalar, last_scalar_), "this quote is not closed");
  }

 private:
  // A collection whose end has not been seen. In a map, `key` waits for its value.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    Node key;
  };

  Node make(Node::Kind kind, const YAML::Mark& mark) const {
    Node node;
    node.kind_ = kind;
    node.file_ = &file_;
    node.line_ = static_cast<uint32_t>(mark.line + 1);
    node.column_ = static_cast<uint32_t>(mark.column + 1);
    return node;
  }

  void report(const Node& at, std::string message, std::string hint = {}) {
    diagnostics_.push_back({at.where(), std::move(message), std::move(hint), Severity::Error});
  }

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (skipped_ > 0 || open_.size() == kDepthMax) {
      if (skipped_++ == 0) {
        report(make(kind, mark), fmt::format("nested deeper than {} levels", kDepthMax));
      }
      return;
    }
    open_.push_back({make(kind, mark), anchor, false, {}});
  }

  void close() {
    if (skipped_ > 0) {
      // The skipped collection leaves a null behind, so that keys and values stay paired.
      if (--skipped_ == 0) add(Node(), 0);
      return;
    }
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_.insert_or_assign(anchor, node);
    if (open_.empty()) {
      document_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_sequence()) {
      parent.node.items_.push_back(std::move(node));
    } else if (parent.has_key) {
      add_value(parent, std::move(node));
    } else {
      check_key(node);
      parent.key = std::move(node);
      parent.has_key = true;
    }
  }

  static void add_value(Open& parent, Node node) {
    // The parser places an empty value at the next token, which may be another key: the place that
    // helps the reader is the key that has no value.
    if (node.is_null() && node.line_ != parent.key.line_) {
      node.file_ = parent.key.file_;
      node.line_ = parent.key.line_;
      node.column_ = parent.key.column_;
    }
    parent.node.entries_.push_back({std::move(parent.key), std::move(node)});
    parent.has_key = false;
  }

  void check_key(const Node& key) {
    if (!key.is_scalar()) {
      report(key, "a key must be a plain text", key.is_null() ? "quote it" : "");
    } else if (!key.quoted_ && key.text_ == "<<") {
      report(key, "merge keys ('<<') are not supported", "write the keys out, or alias one value");
    }
  }

  // Sorts pointers instead of searching per insertion: the cost stays n log n for any file.
  void refuse_duplicates(const Node& map) {
    std::vector<const Node*> keys;
    keys.reserve(map.entries_.size());
    for (const Node::Entry& entry : map.entries_) {
      if (entry.key.is_scalar()) keys.push_back(&entry.key);
    }
    std::stable_sort(keys.begin(), keys.end(),
                     [](const Node* a, const Node* b) { return a->text_ < b->text_; });
    for (size_t i = 1; i < keys.size(); ++i) {
      if (keys[i]->text_ != keys[i - 1]->text_) continue;
      report(*keys[i], fmt::format("duplicate key '{}'", keys[i]->text_),
             fmt::format("it is already set on line {}", keys[i - 1]->line_));
    }
  }

  const std::string& file_;
  std::vector<Node>& documents_;
  Diagnostics& diagnostics_;
  Node document_;
  std::vector<Open> open_;
  size_t skipped_ = 0;  // collections open beyond the depth limit
  size_t alias_values_ = 0;
  std::map<YAML::anchor_t, Node> anchors_;
  YAML::Mark last_scalar_ = YAML::Mark::null_mark();
};

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries_) {
    if (entry.key.text_ == key && entry.key.is_scalar()) return &entry.value;
  }
  return nullptr;
}

Result<YamlFile> parse_yaml(std::string text, std::string name) {
  // Without a byte order mark, positions count from the first byte that people see.
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  YamlFile file{std::make_unique<const std::string>(std::move(name)),
                std::make_unique<const std::string>(std::move(text)),
                {}};
  Diagnostics diagnostics;
  const auto place = [&file](const YAML::Mark& mark) {
    const bool known = !mark.is_null();
    return Location{*file.name, known ? static_cast<uint32_t>(mark.line + 1) : 0,
                    known ? static_cast<uint32_t>(mark.column + 1) : 0};
  };
  try {
    std::ispanstream stream(std::span<const char>(file.text->data(), file.text->size()));
    YAML::Parser parser(stream);
    NodeBuilder builder(*file.name, file.documents, diagnostics);
    while (parser.HandleNextDocument(builder)) {
    }
    builder.check_last_quote(*file.text);
  } catch (const YAML::Exception& error) {
    diagnostics.push_back({place(error.mark), "not valid YAML: " + error.msg});
  } catch (const std::exception& error) {
    diagnostics.push_back({{*file.name}, fmt::format("cannot be parsed: {}", error.what())});
  }
  if (!diagnostics.empty()) return std::unexpected(std::move(diagnostics));
  return file;
}

}  // namespace picket
