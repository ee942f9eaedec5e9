#include "rules/decode_plan.h"

#include <re2/re2.h>

#include <algorithm>

namespace picket {

int32_t PathTree::insert_key(int32_t from, std::string_view key) {
  auto& children = node(from).children;
  auto it = children.find(key);
  if (it != children.end()) return it->second;
  auto next = static_cast<int32_t>(nodes_.size());
  children.emplace(key, next);
  nodes_.emplace_back();
  return next;
}

int32_t PathTree::insert(std::string_view path) {
  int32_t at = 0;
  while (true) {
    size_t dot = path.find('.');
    at = insert_key(at, path.substr(0, dot));
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
}

void PathTree::join_dotted_keys() {
  for (size_t from = 0; from < nodes_.size(); ++from) {
    for (const auto& [key, literal] : nodes_[from].children) {
      size_t dot = key.find('.');
      if (dot == std::string::npos) continue;
      auto nested = static_cast<int32_t>(from);
      std::string_view rest = key;
      for (bool more = true; more && nested != kNoNode;) {
        dot = rest.find('.');
        more = dot != std::string_view::npos;
        auto next = node(nested).children.find(rest.substr(0, dot));
        nested = next == node(nested).children.end() ? kNoNode : next->second;
        if (more) rest.remove_prefix(dot + 1);
      }
      if (nested == kNoNode) continue;
      auto& children = nodes_[static_cast<size_t>(literal)].children;
      for (const auto& [name, child] : node(nested).children) children.try_emplace(name, child);
    }
  }
}

int32_t PathTree::step(int32_t from, std::string_view key) const {
  const auto& children = node(from).children;
  auto it = children.find(key);
  if (it != children.end()) return it->second;
  // A literal dotted key: "http.status_code" reaches the same node as the nested object.
  for (size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
    auto head = children.find(key.substr(0, dot));
    if (head == children.end()) continue;
    int32_t found = step(head->second, key.substr(dot + 1));
    if (found != kNoNode) return found;
  }
  return kNoNode;
}

bool RecognisePlan::fits(const MarkerSet& seen) const {
  if (clauses.empty() || (seen & none).any()) return false;
  return std::all_of(clauses.begin(), clauses.end(),
                     [&](const MarkerSet& clause) { return (seen & clause).any(); });
}

void DecodePlan::watch(FieldId field) {
  watched.resize(slots);
  for (const Alternative& alternative : fields[field].alternatives) {
    auto& fields_of = watched[static_cast<size_t>(alternative.slot)];
    if (std::find(fields_of.begin(), fields_of.end(), field) == fields_of.end()) {
      fields_of.push_back(field);
    }
  }
}

std::string label_name(std::string_view field) {
  for (std::string_view prefix : {"unkey.", "aws."}) {
    if (field.starts_with(prefix)) field.remove_prefix(prefix.size());
  }
  std::string name(field);
  for (char& c : name) {
    bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!keep) c = '_';
  }
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(0, "_");
  return name;
}

namespace {

constexpr char kAddressField[] = "client.address";

class PlanCompiler {
 public:
  PlanCompiler(const Schema& schema, FieldTable& fields, Diagnostics& diagnostics)
      : schema_(schema), fields_(fields), diagnostics_(diagnostics) {}

  DecodePlan compile(SchemaId id, const std::vector<FieldId>& wanted) {
    plan_.schema = id;
    plan_.time_unit = schema_.time_unit;
    for (const FieldSource& source : schema_.time) {
      plan_.time.push_back(alternative({.source = source, .where = schema_.where}));
    }
    plan_actor();
    for (FieldId field = 0; field < BuiltinField::kCount; ++field) plan_field(field);
    for (FieldId field : wanted) plan_field(field);
    plan_.tree.join_dotted_keys();
    return std::move(plan_);
  }

 private:
  void plan_actor() {
    for (const auto& tuple : schema_.actor) {
      ActorPlan actor;
      for (const std::string& name : tuple) {
        if (!schema_.field(name)) {
          diagnostics_.push_back(
              {schema_.where,
               "actor field '" + name + "' is not mapped by schema '" + schema_.name + "'",
               "add it under fields"});
          continue;
        }
        FieldId field = fields_.intern(name);
        actor.labels.push_back(label_name(name));
        actor.fields.push_back(field);
        plan_field(field);
      }
      plan_.actor.push_back(std::move(actor));
    }
  }

  void plan_field(FieldId field) {
    if (plan_.fields.size() <= field) plan_.fields.resize(field + size_t{1});
    FieldPlan& plan = plan_.fields[field];
    bool set_by_engine = field <= BuiltinField::kScenario;
    if (set_by_engine || !plan.alternatives.empty()) return;
    const std::string name = fields_.name(field);
    std::vector<Alternative> alternatives;
    const SchemaField* mapped = schema_.field(name);
    if (mapped) {
      for (const FieldRule& rule : mapped->alternatives) {
        alternatives.push_back(alternative(rule));
      }
    } else {
      add_raw(0, name, alternatives);
      for (const std::string& root : schema_.roots) {
        add_raw(plan_.tree.insert(root), name, alternatives);
      }
    }
    plan_.fields[field] = {std::move(alternatives), mapped != nullptr};
    if (!mapped && schema_.field(kAddressField)) plan_fact(field, name);
  }

  void plan_fact(FieldId field, std::string_view name) {
    const std::optional<AddressFact> fact = address_fact(name);
    if (!fact) return;
    const FieldId address = fields_.intern(std::string(kAddressField));
    plan_field(address);
    plan_.fields[field].fact = fact;
    plan_.fields[field].address = address;
  }

  // A name that nothing maps: as one key, else as a path.
  void add_raw(int32_t from, std::string_view name, std::vector<Alternative>& out) {
    out.push_back({.slot = slot(plan_.tree, plan_.tree.insert_key(from, name))});
    size_t dot = name.find('.');
    if (dot == std::string_view::npos) return;
    int32_t at = from;
    for (; dot != std::string_view::npos; dot = name.find('.')) {
      at = plan_.tree.insert_key(at, name.substr(0, dot));
      name.remove_prefix(dot + 1);
    }
    out.push_back(
        {.slot = slot(plan_.tree, plan_.tree.insert_key(at, name)), .path_of_previous = true});
  }

  Alternative alternative(const FieldRule& rule) {
    Alternative result;
    result.slot = slot(plan_.tree, rule.source.path);
    if (!rule.source.inner.empty()) {
      result.inner = inner(result.slot);
      result.slot = slot(plan_.inners[static_cast<size_t>(result.inner)].tree, rule.source.inner);
    }
    result.header = rule.source.header;
    result.map = {rule.map.begin(), rule.map.end()};
    result.transform = rule.transform;
    if (!rule.when_path.empty()) {
      result.when_slot = slot(plan_.tree, rule.when_path);
      result.when_values = rule.when_values;
    }
    if (!rule.capture.empty()) {
      RE2::Options options;
      options.set_log_errors(false);
      auto pattern = std::make_shared<const RE2>(rule.capture, options);
      if (!pattern->ok() || pattern->NumberOfCapturingGroups() != 1) {
        diagnostics_.push_back({rule.where,
                                "capture must be a regular expression with exactly one group",
                                pattern->ok() ? "" : pattern->error()});
      } else {
        result.capture = std::move(pattern);
      }
    }
    return result;
  }

  int32_t slot(PathTree& tree, const std::string& path) { return slot(tree, tree.insert(path)); }

  int32_t slot(PathTree& tree, int32_t at) {
    PathNode& node = tree.node(at);
    if (node.slot == kNoSlot) node.slot = static_cast<int32_t>(plan_.slots++);
    return node.slot;
  }

  int32_t inner(int32_t base) {
    for (size_t i = 0; i < plan_.inners.size(); ++i) {
      if (plan_.inners[i].base == base) return static_cast<int32_t>(i);
    }
    plan_.inners.push_back({base, {}});
    return static_cast<int32_t>(plan_.inners.size() - 1);
  }

  const Schema& schema_;
  FieldTable& fields_;
  Diagnostics& diagnostics_;
  DecodePlan plan_;
};

// Gives every distinct recognition key a bit.
class MarkerTable {
 public:
  explicit MarkerTable(DecodePlans& plans) : plans_(plans) {}

  bool add(const Schema& schema, Diagnostics& diagnostics) {
    RecognisePlan recognise;
    for (const auto& clause : schema.recognise) recognise.clauses.push_back(bits(clause));
    recognise.none = bits(schema.recognise_not);
    plans_.recognise.push_back(std::move(recognise));
    if (plans_.markers.size() <= kMarkersMax) return true;
    diagnostics.push_back({schema.where, "the schemas use more than 256 recognition keys", ""});
    return false;
  }

 private:
  MarkerSet bits(const std::vector<std::string>& paths) {
    MarkerSet set;
    for (const std::string& path : paths) {
      auto it = std::find(plans_.markers.begin(), plans_.markers.end(), path);
      auto bit = static_cast<size_t>(it - plans_.markers.begin());
      if (it == plans_.markers.end()) plans_.markers.push_back(path);
      if (bit < kMarkersMax) set.set(bit);
    }
    return set;
  }

  DecodePlans& plans_;
};

}  // namespace

Result<DecodePlans> compile_plans(std::vector<Schema> schemas, FieldTable& fields,
                                  const std::vector<std::vector<FieldId>>& wanted) {
  Diagnostics diagnostics;
  DecodePlans plans;
  plans.schemas = std::move(schemas);
  if (plans.schemas.size() > 250) {
    return fail(plans.schemas.back().where, "more than 250 schemas are loaded");
  }
  MarkerTable markers(plans);
  for (const Schema& schema : plans.schemas) {
    if (!markers.add(schema, diagnostics)) return std::unexpected(diagnostics);
  }
  static const std::vector<FieldId> nothing;
  for (size_t i = 0; i < plans.schemas.size(); ++i) {
    PlanCompiler compiler(plans.schemas[i], fields, diagnostics);
    plans.plans.push_back(
        compiler.compile(static_cast<SchemaId>(i), i < wanted.size() ? wanted[i] : nothing));
  }
  for (DecodePlan& plan : plans.plans) {
    plan.fields.resize(fields.size());
    for (size_t bit = 0; bit < plans.markers.size(); ++bit) {
      PathTree& tree = plan.tree;
      tree.node(tree.insert(plans.markers[bit])).marker = static_cast<int32_t>(bit);
    }
    for (size_t s = 0; s < plans.schemas.size(); ++s) {
      if (plans.schemas[s].envelope.empty()) continue;
      PathTree& tree = plan.tree;
      tree.node(tree.insert(plans.schemas[s].envelope)).envelope = static_cast<int32_t>(s);
    }
  }
  if (has_errors(diagnostics)) return std::unexpected(diagnostics);
  return plans;
}

}  // namespace picket
