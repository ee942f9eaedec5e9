// `picket explain`: what an error code means and how to get rid of it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/commands/command.h"
#include "daemon/commands/option_set.h"
#include "daemon/error_texts.h"
#include "daemon/loader.h"
#include "rules/json_writer.h"

namespace picket {
namespace {

constexpr size_t kColumns = 80;

struct ExplainOptions {
  std::string urn = {};
  bool list = false;
};

int print_list(const ErrorTexts& texts) {
  size_t widest = 0;
  for (const ErrorText& error : texts) widest = std::max(widest, error.urn.size());
  for (const ErrorText& error : texts) fmt::print("{:<{}}  {}\n", error.urn, widest, error.title);
  return ExitCode::kFine;
}

int report_unknown(const ErrorTexts& texts, std::string_view text, const std::string& urn) {
  std::vector<std::string> known;
  for (const ErrorText& error : texts) known.push_back(error.urn);
  std::optional<std::string> near = nearest(urn, known);
  if (!near) {
    // The last part alone is what people remember of a code.
    for (const std::string& candidate : known) {
      if (candidate.substr(candidate.rfind(':') + 1) == text) near = candidate;
    }
  }
  std::string shown;
  append_printable(shown, text);
  fmt::print(stderr, "picket: nothing is known about '{}'\n  hint: {}\n", shown,
             near ? "did you mean '" + *near + "'?" : "`picket explain --list` shows all codes");
  return ExitCode::kFailure;
}

int explain(const ExplainOptions& options) {
  Result<ErrorTexts> texts = read_error_texts(find_shipped_files().errors);
  if (!texts) {
    print_diagnostics(texts.error());
    return ExitCode::kConfig;
  }
  if (options.list) return print_list(*texts);
  const std::string urn = normal_urn(options.urn);
  const ErrorText* error = find_error(*texts, urn);
  if (!error) return report_unknown(*texts, options.urn, urn);
  fmt::print("{}", describe(*error, *texts, kColumns));
  return ExitCode::kFine;
}

}  // namespace

std::function<int()> declare_explain(OptionSet set) {
  auto options = std::make_shared<ExplainOptions>();
  set.word_or_flag({"URN", options->urn,
                    "an error code such as err:unkey:authorization:forbidden, with or without\n"
                    "err:, or the URL of its documentation"},
                   {"--list", options->list, "list all codes with their titles"});
  return [options] { return explain(*options); };
}

}  // namespace picket
