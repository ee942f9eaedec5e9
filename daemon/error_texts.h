// ErrorTexts: what each error code means and what to do about it, for people.
//
// Read from config/errors/*.yaml, whose head describes the keys.
//
// Thread rule: plain values, const after reading.
// Tested by tests/daemon/error_texts_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"
#include "config/result.h"

namespace picket {

struct ErrorText {
  std::string urn = {};
  int status = 0;  // HTTP; 0: none is stated
  std::string title = {};
  std::string what = {};
  std::vector<std::string> scenarios = {};  // "name: text"
  std::vector<std::string> mistakes = {};   // "number name: text"
  std::vector<std::string> fix = {};        // steps in order
  std::vector<std::string> related = {};    // URNs
};

using ErrorTexts = std::vector<ErrorText>;

// All errors of one file, in its order. Every problem is reported; a URN may occur only once.
Result<ErrorTexts> parse_error_texts(const YamlFile& file);

// All errors of all YAML files in `folder`, the one that find_shipped_files() names.
Result<ErrorTexts> read_error_texts(const std::string& folder);

// The code that a person means: "err:a:b:c", "a:b:c", or the URL of its documentation page.
std::string normal_urn(std::string_view text);

// The entry of `urn`, or null.
const ErrorText* find_error(const ErrorTexts& texts, std::string_view urn);

// All of an entry as paragraphs and lists of at most `width` columns; related codes with the titles
// that `texts` has for them. A word longer than a line stands on a line of its own.
std::string describe(const ErrorText& error, const ErrorTexts& texts, size_t width);

}  // namespace picket
