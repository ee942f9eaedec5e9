// Redact: takes secrets out of texts that outlive their log line, as evidence, labels or samples.
//
// Logs should hold no secrets, but callers put keys where names belong, and then they stand in
// paths, targets and messages. What counts as one: root keys ("unkey_" and at least 16 characters),
// exchange codes and access tokens of portals ("pst_", "pat_"), what follows "Bearer ", and JSON
// web tokens. Keys with prefixes of a customer's own cannot be told from ids.
//
// Of a root key the first four characters stay, as Unkey itself shows it: so people can find the
// key, and two keys stay two values.
//
// Thread rule: pure. Tested by redact_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace picket {

// The number of secrets in `text`. When there are any, `out` becomes the text without them;
// otherwise it is left alone.
size_t redact(std::string_view text, std::string& out);

}  // namespace picket
