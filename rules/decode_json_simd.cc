// Which of its implementations the JSON parser runs here; it chooses when it is first asked.
#include <simdjson.h>

#include "rules/decode.h"

namespace picket {

// The name belongs to the implementation, which is static.
std::string_view simd_implementation() { return simdjson::get_active_implementation()->name(); }

}  // namespace picket
