// source_dir(): the checkout that the tests were built from, where their cases and the files that
// ship are. Known to one file only, so that a compiler cache serves every checkout. Any thread.
#pragma once

#include <string>

namespace picket {

// Without a '/' at its end.
std::string source_dir();

}  // namespace picket
