// Short cuts for tests that read rules from text.
#pragma once

#include <string>
#include <utility>

#include "rules/rule_spec.h"

namespace picket {

// Reads `text` as the rule file "r.yml". A file that is not YAML shows up in `rejected` too.
inline RuleDocuments read_text(std::string text, const Placeholders& placeholders = {}) {
  RuleDocuments rules;
  auto file = parse_yaml(std::move(text), "r.yml");
  if (file) {
    read_rules(*std::move(file), placeholders, rules);
  } else {
    append(rules.rejected, std::move(file).error());
  }
  return rules;
}

// A detection rule around the body of `detection`, which starts at line 3 and is indented by two.
inline RuleDocuments read_detection_body(const std::string& body,
                                         const Placeholders& placeholders = {}) {
  return read_text("title: t\ndetection:\n" + body, placeholders);
}

// The tree of "field|modifiers: value" alone, as dump() shows it, or the first error.
inline std::string item_tree(const std::string& item, const Placeholders& placeholders = {}) {
  const RuleDocuments rules =
      read_detection_body("  s:\n    " + item + "\n  condition: s\n", placeholders);
  for (const Diagnostic& d : rules.rejected) {
    if (d.severity == Severity::Error) return "error: " + d.message;
  }
  return dump(rules.detections.at(0).condition);
}

}  // namespace picket
