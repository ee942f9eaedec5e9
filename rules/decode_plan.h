// DecodePlan: one schema compiled for the fields that the loaded rules need.
//
// Sits between config/schema.h (what a log format means) and the decoder (which walks JSON). All
// wanted paths form one tree of keys, so a line is read in a single pass; everything that a pass
// cannot give directly is a FieldPlan, resolved when a rule asks.
//
// Thread rule: built once, then const and shared by all workers.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/schema.h"
#include "rules/address_facts.h"
#include "rules/field_table.h"
#include "rules/types.h"

namespace re2 {
class RE2;
}

namespace picket {

constexpr int32_t kNoNode = -1;
constexpr int32_t kNoSlot = -1;
constexpr size_t kMarkersMax = 256;
using MarkerSet = std::bitset<kMarkersMax>;

// One key in the tree of wanted paths. Node 0 is the record itself.
struct PathNode {
  std::map<std::string, int32_t, std::less<>> children;
  int32_t slot = kNoSlot;  // where the value goes
  int32_t marker = -1;     // bit to set when the key is present
  int32_t envelope = -1;   // schema whose records this array holds
};

class PathTree {
 public:
  PathTree() : nodes_(1) {}
  // The node at `path`; dots separate keys.
  int32_t insert(std::string_view path);
  // The node of one key below `from`, dots and all.
  int32_t insert_key(int32_t from, std::string_view key);
  // Lets a key with dots that somebody wants as such ("a.b") also lead to what is wanted below its
  // path (a: {b: {c}}), so that {"a.b": {"c": 1}} has a value for a.b.c.
  void join_dotted_keys();
  // Where `key`, as written in the JSON, leads from `node`: a child, or, for a key with dots in it,
  // the node its parts lead to. kNoNode if nobody wants it.
  int32_t step(int32_t node, std::string_view key) const;
  PathNode& node(int32_t index) { return nodes_[static_cast<size_t>(index)]; }
  const PathNode& node(int32_t index) const { return nodes_[static_cast<size_t>(index)]; }
  size_t size() const { return nodes_.size(); }

 private:
  std::vector<PathNode> nodes_;
};

// JSON text inside the string at `base`: its own tree, whose slots follow those of the record.
struct InnerDocument {
  int32_t base = kNoSlot;
  PathTree tree;
};

// One way to get a field's value. Values come from a slot of the record, of an inner document, or
// from a header list; then capture, map and transform apply.
struct Alternative {
  int32_t slot = kNoSlot;
  int32_t inner = -1;  // index of the InnerDocument that must be decoded first
  std::string header;
  std::shared_ptr<const re2::RE2> capture;
  std::map<std::string, std::string, std::less<>> map;
  FieldTransform transform = FieldTransform::None;
  // A slot of the record whose text must be one of these.
  int32_t when_slot = kNoSlot;
  std::vector<std::string> when_values;
  // The name of the alternative before as a path: it only counts where that one is absent.
  bool path_of_previous = false;

  bool plain() const {
    return inner < 0 && header.empty() && !capture && map.empty() && when_slot == kNoSlot &&
           transform == FieldTransform::None;
  }
};

struct FieldPlan {
  std::vector<Alternative> alternatives;  // empty: the field does not exist in this schema
  // The schema names the field: "" then means that there is no value. A raw path keeps its "".
  bool mapped = false;
  // Where the record has no value: what is known of the address in `address`.
  std::optional<AddressFact> fact = {};
  FieldId address = 0;
};

// Which keys make a line this schema's: every clause has a bit in common with what was seen.
struct RecognisePlan {
  std::vector<MarkerSet> clauses;
  MarkerSet none;
  bool fits(const MarkerSet& seen) const;
};

// The names of the label(s) and the fields of one actor tuple.
struct ActorPlan {
  std::vector<std::string> labels;
  std::vector<FieldId> fields;
};

struct DecodePlan {
  SchemaId schema = 0;
  PathTree tree;
  std::vector<InnerDocument> inners;
  size_t slots = 0;               // of the record and its inner documents
  std::vector<FieldPlan> fields;  // by FieldId
  std::vector<Alternative> time;
  TimeUnit time_unit = TimeUnit::Milliseconds;
  std::vector<ActorPlan> actor;
  // By slot of the record: the fields whose presence the event shall tell (see watch()).
  std::vector<std::vector<FieldId>> watched = {};

  // From now on Event::present() tells when the record has a value for `field`.
  // REQUIRES: the field's alternatives are plain slots of the record.
  void watch(FieldId field);
};

// All schemas of a rule set, in recognition order.
struct DecodePlans {
  std::vector<Schema> schemas;
  std::vector<DecodePlan> plans;         // by SchemaId
  std::vector<RecognisePlan> recognise;  // by SchemaId
  std::vector<std::string> markers;
  std::shared_ptr<const AddressFacts> address_facts = nullptr;  // null: nothing is known
};

// Compiles every schema. `wanted[s]` lists the fields that rules for schema s use; builtin fields
// are always included. Errors: more than kMarkersMax recognition keys, a capture that is no RE2
// pattern with one group, an actor field that the schema does not map.
Result<DecodePlans> compile_plans(std::vector<Schema> schemas, FieldTable& fields,
                                  const std::vector<std::vector<FieldId>>& wanted);

// The label name of a canonical field: without the vendor prefix, other characters as '_':
// "unkey.workspace_id" -> "workspace_id", "client.address" -> "client_address".
std::string label_name(std::string_view field);

}  // namespace picket
