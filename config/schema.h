// Schema: how one log format maps to canonical field names, as data.
//
// A schema file (config/schemas/*.yaml) says how a line is recognised, where its time is, and under
// which canonical names rules find its values. This header holds the parsed form only:
// rules/decode.h compiles it into a plan for the fields that the loaded rules need.
//
// File format:
//   schema: unkey.api_requests
//   title: one line for people
//   logsource: {product: unkey, service: api_requests}   # any of product, service, category
//   recognise:                    # all entries must hold; a list inside means "any of these"
//     - response_status
//     - [level, severity]
//   recognise_not: [deployment_id]      # none of these keys may be present
//   envelope: Records                   # optional: the line is {"Records":[event, ...]}
//   time: {field: time, unit: ms} # unit for numbers: s, ms, us, ns; RFC 3339 always works
//   lateness: 30s                       # how far behind the newest event an event may arrive
//   roots: [Event.EventData]            # where a field name that nothing maps is looked up last
//   actor:                              # most specific identity first; a list inside is a tuple
//     - unkey.key_id
//     - [client.address, user_agent.original]
//   fields:
//     url.path: path                                       # a path; dots descend or are literal
//     unkey.key_id: [auth.subject, auth.root_key_id]       # first one present and not empty wins
//     error.type: {from: "response_body > error.type", as: unkey_urn}
//     http.response.header.retry-after: "response_headers[Retry-After]"
//     unkey.operation: {from: path, capture: '^/v[0-9]+/([a-z]+\.[A-Za-z]+)$'}
//     outcome.code: {from: outcome, map: {DISABLED: "err:unkey:authorization:key_disabled"}}
//     unkey.key_id:          # only where the value at a path of the record is one of these
//       - {from: "response_body > data.keyId", when: {path: [/v2/keys.verifyKey]}}
// A source "A > B" is path B inside the JSON text held by string A; "A[Name]" is the value of
// header Name in an array of "Name: value" strings (or a member of an object), compared without
// case.
//
// Thread rule: immutable after load; share freely.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/result.h"

namespace picket {

class Node;
struct YamlFile;

enum class TimeUnit : uint8_t { Seconds, Milliseconds, Microseconds, Nanoseconds };

// Where one value comes from. `path` is always set; at most one of `inner` and `header` is.
struct FieldSource {
  std::string path;
  std::string inner = {};   // path inside the JSON text that `path` holds
  std::string header = {};  // name to look up in the array of "Name: value" strings at `path`
};

enum class FieldTransform : uint8_t { None, UnkeyUrn };

// One alternative for a canonical field: a source and what is done to its value, in this order:
// capture, map, transform. A capture that does not match and a map without the key give no value.
struct FieldRule {
  FieldSource source;
  std::string capture = {};                     // RE2 with one group; empty: the whole value
  std::map<std::string, std::string> map = {};  // exact value -> replacement; empty: none
  FieldTransform transform = FieldTransform::None;
  // The rule holds only where the value at this path is one of `when_values`. Empty: always.
  std::string when_path = {};
  std::vector<std::string> when_values = {};
  Location where = {};
};

struct SchemaField {
  std::string name;                     // canonical, e.g. "http.response.status_code"
  std::vector<FieldRule> alternatives;  // the first that yields a non-empty value wins
};

struct Logsource {
  std::string product = {};
  std::string service = {};
  std::string category = {};
};

struct Schema {
  std::string name;
  std::string title = {};
  Logsource logsource = {};
  std::vector<std::vector<std::string>> recognise = {};  // and of ors over key paths
  std::vector<std::string> recognise_not = {};
  std::string envelope = {};
  std::vector<FieldSource> time = {};
  TimeUnit time_unit = TimeUnit::Milliseconds;
  std::chrono::milliseconds lateness{0};
  std::vector<std::string> roots = {};
  std::vector<std::vector<std::string>> actor = {};  // tuples of canonical names, best first
  std::vector<SchemaField> fields = {};
  Location where = {};

  // The field called `canonical`, or null.
  const SchemaField* field(std::string_view canonical) const;
};

// Parses one schema file; every problem is reported with its place.
Result<Schema> parse_schema(const YamlFile& file);
// The same from a map inside another file.
Result<Schema> parse_schema(const Node& root);

// "a > b" and "a[b]" as described above.
Result<FieldSource> parse_field_source(const Node& node);

}  // namespace picket
