// BacktrackRegex: regular expressions that need look-around or back-references.
//
// RE2 runs in linear time and takes all others; these run under PCRE2, whose time can grow with the
// square of the text or worse. A match limit bounds it: an expression that reaches the limit counts
// as not matching, and the event tells (Event::regex_limits).
//
// Thread rule: const after make(), shared. Tested by matcher_test.cc and hostile_rules_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "config/result.h"

struct pcre2_real_code_8;
struct pcre2_real_match_context_8;

namespace picket {

class BacktrackRegex {
 public:
  struct Flags {
    bool ignore_case = false;
    bool multi_line = false;
    bool dot_all = false;
  };
  enum class Outcome : uint8_t { No, Yes, Limit };

  // Steps that one search may take: about a millisecond.
  static constexpr uint32_t kStepsMax = 100'000;

  // Errors: what PCRE2 says of the pattern, as text.
  static std::expected<std::shared_ptr<const BacktrackRegex>, std::string> make(
      std::string_view pattern, Flags flags);
  Outcome search(std::string_view text) const;

 private:
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const;
  };
  struct FreeContext {
    void operator()(pcre2_real_match_context_8* context) const;
  };
  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  std::unique_ptr<pcre2_real_match_context_8, FreeContext> context_;
};

}  // namespace picket
