// Builds our tree from libyaml's events; the only file that sees libyaml.
//
// libyaml reads 3,000 rule files in a third of the time that yaml-cpp takes, says where an unclosed
// quote began, and refuses what is not UTF-8. What it leaves to its caller is done here: aliases,
// duplicate keys, and what an empty value is.
//
// Places: libyaml counts characters, and takes for a line end what YAML 1.1 did. People's editors
// and render() count bytes and '\n', so places are translated where the two can differ.
//
// Bounds: the size of a file (kFileBytesMax) and its values (kFileEventsMax), which take a hundred
// bytes each, nesting (kDepthMax), and the number of values that aliases may add to one document
// (kAliasValuesMax), so that a short file cannot unfold into gigabytes.
//
// Tested by tests/config/node_test.cc.
#include "config/node.h"

#include <yaml.h>

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace picket {
namespace {

constexpr size_t kDepthMax = 64;
constexpr size_t kAliasValuesMax = 100'000;
// All 3,141 public Sigma rules together have 5 MiB and 245,000 events.
constexpr size_t kFileBytesMax = 32 << 20;
constexpr size_t kFileEventsMax = 500'000;

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

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

struct Place {
  uint32_t line = 0;
  uint32_t column = 0;
};

// Turns libyaml's marks into places.
class PlaceFinder {
 public:
  explicit PlaceFinder(std::string_view text)
      : text_(text), same_(std::none_of(text.begin(), text.end(), [](char c) {
          return c == '\r' || static_cast<unsigned char>(c) >= 0x80;
        })) {}

  Place operator()(const yaml_mark_t& mark) {
    if (same_) {
      return {static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
    }
    // Marks come nearly in order, so the walk from the last one is short in either direction.
    while (index_ < mark.index && at_ < text_.size()) forward();
    while (index_ > mark.index && at_ > 0) backward();
    return here();
  }

  // The place of a byte.
  Place at_byte(size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    const size_t line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t start = before.rfind('\n') + 1;  // 0 when there is none
    return {static_cast<uint32_t>(line + 1), static_cast<uint32_t>(before.size() - start + 1)};
  }

 private:
  static bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

  void forward() {
    if (text_[at_] == '\n') {
      ++line_;
      line_start_ = at_ + 1;
    }
    do ++at_;
    while (at_ < text_.size() && continues(text_[at_]));
    ++index_;
  }

  void backward() {
    do --at_;
    while (at_ > 0 && continues(text_[at_]));
    --index_;
    if (text_[at_] != '\n') return;
    --line_;
    line_start_ = at_ == 0 ? 0 : text_.rfind('\n', at_ - 1) + 1;
  }

  Place here() const {
    return {static_cast<uint32_t>(line_ + 1), static_cast<uint32_t>(at_ - line_start_ + 1)};
  }

  const std::string_view text_;
  const bool same_;   // a mark is a place
  size_t index_ = 0;  // characters before at_
  size_t at_ = 0;     // byte
  size_t line_ = 0;   // of at_
  size_t line_start_ = 0;
};

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

}  // namespace

// Receives the events of one file. Problems that leave the structure whole do not end the reading,
// so that all of them are found at once; take() says whether to go on.
class NodeBuilder {
 public:
  NodeBuilder(const YamlFile& file, std::vector<Node>& documents, Diagnostics& diagnostics)
      : file_(*file.name), find_(*file.text), documents_(documents), diagnostics_(diagnostics) {}

  bool take(const yaml_event_t& event) {
    if (++events_ > kFileEventsMax) {
      report(make(Node::Kind::Null, event.start_mark), "the file has more than 500,000 values",
             "split it");
      return false;
    }
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        anchors_.clear();
        alias_values_ = 0;
        document_ = make(Node::Kind::Null, event.start_mark);
        return true;
      case YAML_DOCUMENT_END_EVENT:
        documents_.push_back(std::move(document_));
        return true;
      case YAML_SCALAR_EVENT:
        scalar(event);
        return true;
      case YAML_ALIAS_EVENT:
        alias(event);
        return true;
      case YAML_SEQUENCE_START_EVENT:
        return open(Node::Kind::Sequence, event.start_mark, view(event.data.sequence_start.anchor));
      case YAML_MAPPING_START_EVENT:
        return open(Node::Kind::Map, event.start_mark, view(event.data.mapping_start.anchor));
      case YAML_SEQUENCE_END_EVENT:
        close();
        return true;
      case YAML_MAPPING_END_EVENT:
        refuse_duplicates(open_.back().node);
        close();
        return true;
      default:
        return true;
    }
  }

  void syntax_error(const yaml_parser_t& parser) {
    if (parser.error == YAML_READER_ERROR) return unreadable(parser);
    const std::string_view context = parser.context ? parser.context : "";
    const std::string_view problem = parser.problem ? parser.problem : "out of memory";
    const bool open_quote = context == "while scanning a quoted scalar" &&
                            (problem == "found unexpected end of stream" ||
                             problem == "found unexpected document indicator");
    if (open_quote) {
      return report(make(Node::Kind::Scalar, parser.context_mark), "this quote is not closed");
    }
    std::string message = fmt::format("not valid YAML: {}", problem);
    if (!context.empty()) {
      message +=
          fmt::format(" {} that begins on line {}", context, find_(parser.context_mark).line);
    }
    report(make(Node::Kind::Scalar, parser.problem_mark), std::move(message));
  }

 private:
  // A collection whose end has not been seen. In a map, `key` waits for its value.
  struct Open {
    Node node;
    std::string anchor = {};
    bool has_key = false;
    Node key = {};
  };

  Node make(Node::Kind kind, const yaml_mark_t& mark) { return make(kind, find_(mark)); }

  Node make(Node::Kind kind, Place place) const {
    Node node;
    node.kind_ = kind;
    node.file_ = &file_;
    node.line_ = place.line;
    node.column_ = place.column;
    return node;
  }

  void report(const Node& at, std::string message, std::string hint = {}) {
    diagnostics_.push_back({at.where(), std::move(message), std::move(hint), Severity::Error});
  }

  void unreadable(const yaml_parser_t& parser) {
    const Node at = make(Node::Kind::Scalar, find_.at_byte(parser.problem_offset));
    if (parser.problem_value >= 0 && parser.problem == std::string_view(kControl)) {
      report(at,
             fmt::format("not valid YAML: the character U+{:04X} may not stand in a file",
                         parser.problem_value),
             "in double quotes it can be written as an escape");
    } else {
      report(at, "not valid YAML: the file is not UTF-8 here", "save it as UTF-8");
    }
  }

  void scalar(const yaml_event_t& event) {
    const auto& data = event.data.scalar;
    const std::string_view text(reinterpret_cast<const char*>(data.value), data.length);
    const std::string_view tag = view(data.tag);
    const bool plain = data.style == YAML_PLAIN_SCALAR_STYLE && tag.empty();
    const bool null = plain && is_null_word(text);
    Node node = make(null ? Node::Kind::Null : Node::Kind::Scalar, event.start_mark);
    if (!null) {
      node.text_ = text;
      node.quoted_ = tag.empty() ? !plain : tag == "!" || tag == "tag:yaml.org,2002:str";
    }
    add(std::move(node), view(data.anchor), null && text.empty());
  }

  void alias(const yaml_event_t& event) {
    Node place = make(Node::Kind::Null, event.start_mark);
    const std::string_view anchor = view(event.data.alias.anchor);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      const bool inside = std::any_of(open_.begin(), open_.end(),
                                      [&](const Open& open) { return open.anchor == anchor; });
      report(place, inside ? "this alias refers to a value that contains it"
                           : "not valid YAML: the referenced anchor is not defined");
      return add(std::move(place), {}, false);
    }
    const TreeSize size = tree_size(found->second);
    alias_values_ += size.values;
    if (open_.size() + size.depth > kDepthMax || alias_values_ > kAliasValuesMax) {
      report(place, "the aliases of this document unfold to too many values");
      return add(std::move(place), {}, false);
    }
    add(Node(found->second), {}, false);
  }

  bool open(Node::Kind kind, const yaml_mark_t& mark, std::string_view anchor) {
    if (open_.size() == kDepthMax) {
      report(make(kind, mark), fmt::format("nested deeper than {} levels", kDepthMax));
      return false;
    }
    // An anchor that is set anew hides the earlier one even while its value is not complete.
    if (!anchor.empty()) anchors_.erase(std::string(anchor));
    open_.push_back({make(kind, mark), std::string(anchor)});
    return true;
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor, false);
  }

  // `absent`: nothing is written where the value belongs.
  void add(Node node, std::string_view anchor, bool absent) {
    if (!anchor.empty()) anchors_.insert_or_assign(std::string(anchor), node);
    if (open_.empty()) {
      document_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_sequence()) {
      parent.node.items_.push_back(std::move(node));
    } else if (parent.has_key) {
      // The place that helps the reader is the key that has no value.
      if (absent) {
        node.line_ = parent.key.line_;
        node.column_ = parent.key.column_;
      }
      parent.node.entries_.push_back({std::move(parent.key), std::move(node)});
      parent.has_key = false;
    } else {
      check_key(node);
      parent.key = std::move(node);
      parent.has_key = true;
    }
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

  static constexpr const char* kControl = "control characters are not allowed";

  const std::string& file_;
  PlaceFinder find_;
  std::vector<Node>& documents_;
  Diagnostics& diagnostics_;
  Node document_;
  std::vector<Open> open_;
  size_t alias_values_ = 0;
  size_t events_ = 0;
  std::map<std::string, Node, std::less<>> anchors_;
};

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries_) {
    if (entry.key.text_ == key && entry.key.is_scalar()) return &entry.value;
  }
  return nullptr;
}

Result<YamlFile> parse_yaml(std::string text, std::string name) {
  if (text.size() > kFileBytesMax) {
    return fail({std::move(name), 0, 0},
                fmt::format("the file has {} MiB; at most {} are read", (text.size() >> 20) + 1,
                            kFileBytesMax >> 20),
                "split it");
  }
  // Without a byte order mark, positions count from the first byte that people see.
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  YamlFile file{std::make_unique<const std::string>(std::move(name)),
                std::make_unique<const std::string>(std::move(text)),
                {}};
  Diagnostics diagnostics;
  yaml_parser_t parser;
  if (yaml_parser_initialize(&parser) == 0) return fail({*file.name, 0, 0}, "out of memory");
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(file.text->data()),
                               file.text->size());
  NodeBuilder builder(file, file.documents, diagnostics);
  for (bool more = true; more;) {
    yaml_event_t event;
    if (yaml_parser_parse(&parser, &event) == 0) {
      builder.syntax_error(parser);
      break;
    }
    more = builder.take(event) && event.type != YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  if (!diagnostics.empty()) return std::unexpected(std::move(diagnostics));
  return file;
}

}  // namespace picket
