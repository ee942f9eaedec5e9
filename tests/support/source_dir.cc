#include "tests/support/source_dir.h"

namespace picket {

std::string source_dir() { return PICKET_SOURCE_DIR; }

}  // namespace picket
