#include "rules/backtrack_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace picket {

void BacktrackRegex::FreeCode::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }
void BacktrackRegex::FreeContext::operator()(pcre2_real_match_context_8* context) const {
  pcre2_match_context_free(context);
}

std::expected<std::shared_ptr<const BacktrackRegex>, std::string> BacktrackRegex::make(
    std::string_view pattern, Flags flags) {
  constexpr uint32_t kHeapKiBMax = 8 << 10;
  // As in RE2, '$' is the very end and not also the place before a last line end.
  uint32_t options =
      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
  if (flags.ignore_case) options |= PCRE2_CASELESS;
  if (flags.multi_line) options |= PCRE2_MULTILINE;
  if (flags.dot_all) options |= PCRE2_DOTALL;
  int error = 0;
  size_t offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options, &error, &offset, nullptr);
  if (!code) {
    PCRE2_UCHAR message[256] = {};
    pcre2_get_error_message(error, message, sizeof(message));
    return std::unexpected(std::string(reinterpret_cast<const char*>(message)));
  }
  auto regex = std::make_shared<BacktrackRegex>();
  regex->code_.reset(code);
  regex->context_.reset(pcre2_match_context_create(nullptr));
  if (!regex->context_) return std::unexpected(std::string("out of memory"));
  pcre2_set_match_limit(regex->context_.get(), kStepsMax);
  pcre2_set_heap_limit(regex->context_.get(), kHeapKiBMax);
  return regex;
}

BacktrackRegex::Outcome BacktrackRegex::search(std::string_view text) const {
  pcre2_match_data* found = pcre2_match_data_create(1, nullptr);
  if (!found) return Outcome::Limit;
  int result = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                           0, found, context_.get());
  pcre2_match_data_free(found);
  if (result >= 0) return Outcome::Yes;
  return result == PCRE2_ERROR_NOMATCH ? Outcome::No : Outcome::Limit;
}

}  // namespace picket
