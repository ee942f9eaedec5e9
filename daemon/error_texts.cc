#include "daemon/error_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "daemon/loader.h"
#include "rules/decode.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

ErrorText parse_error(const Node& node, Diagnostics& diagnostics) {
  ErrorText error;
  MapReader reader(node, "error", diagnostics);
  error.urn = reader.required_string("urn");
  error.status = static_cast<int>(reader.integer("status", 0, 0, 599));
  error.title = reader.required_string("title");
  error.what = reader.required_string("what");
  error.scenarios = reader.strings("scenarios");
  error.mistakes = reader.strings("mistakes");
  error.fix = reader.strings("fix");
  error.related = reader.strings("related");
  reader.finish();
  return error;
}

void report_twins(const ErrorTexts& texts, const Location& where, Diagnostics& diagnostics) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (find_error(texts, texts[i].urn) == &texts[i]) continue;
    diagnostics.push_back({where, "'" + texts[i].urn + "' is described twice"});
  }
}

// Text that is told in columns; a code point counts as one column.
size_t columns(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

// A paragraph that begins with `mark` and whose further lines are indented as wide as that is.
std::string wrapped(std::string_view mark, std::string_view text, size_t width) {
  const std::string indent(columns(mark), ' ');
  std::string out(mark);
  size_t used = columns(mark);
  bool fresh = true;  // nothing but the indent is on the line
  while (!text.empty()) {
    const size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(word.size());
    if (!fresh && used + 1 + columns(word) > width) {
      out += "\n" + indent;
      used = columns(indent);
      fresh = true;
    }
    if (!fresh) out += ' ';
    out += word;
    used += columns(word) + (fresh ? 0 : 1);
    fresh = false;
  }
  return out + "\n";
}

void section(std::string& out, std::string_view title, const std::vector<std::string>& items,
             size_t width) {
  if (items.empty()) return;
  out += fmt::format("\n{}:\n", title);
  for (const std::string& item : items) out += wrapped("  - ", item, width);
}

}  // namespace

Result<ErrorTexts> parse_error_texts(const YamlFile& file) {
  const Location top{*file.name, 1, 1};
  if (file.documents.size() != 1) return fail(top, "a file of errors holds exactly one document");
  Diagnostics diagnostics;
  ErrorTexts texts;
  MapReader reader(file.documents.front(), "file of errors", diagnostics);
  if (const Node* errors = reader.require("errors")) {
    if (!errors->is_sequence()) diagnostics.push_back({errors->where(), "errors must be a list"});
    for (const Node& node : errors->items()) texts.push_back(parse_error(node, diagnostics));
  }
  reader.finish();
  if (!has_errors(diagnostics)) report_twins(texts, top, diagnostics);
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  return texts;
}

Result<ErrorTexts> read_error_texts(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".yaml") paths.push_back(it->path().string());
  }
  if (folder.empty() || error) {
    return fail({folder, 0, 0}, "the error texts that ship with picket were not found",
                "install picket's data under /usr/share/picket");
  }
  std::sort(paths.begin(), paths.end());
  ErrorTexts texts;
  for (const std::string& path : paths) {
    PICKET_TRY(std::string text, read_file(path));
    PICKET_TRY(YamlFile file, parse_yaml(std::move(text), path));
    PICKET_TRY(ErrorTexts more, parse_error_texts(file));
    std::move(more.begin(), more.end(), std::back_inserter(texts));
  }
  return texts;
}

std::string normal_urn(std::string_view text) {
  std::string scratch;
  const std::string_view urn = unkey_urn(text, scratch);
  if (!urn.empty()) return std::string(urn);
  return (text.starts_with("err:") ? "" : "err:") + std::string(text);
}

const ErrorText* find_error(const ErrorTexts& texts, std::string_view urn) {
  const auto found =
      std::find_if(texts.begin(), texts.end(), [&](const ErrorText& e) { return e.urn == urn; });
  return found == texts.end() ? nullptr : &*found;
}

std::string describe(const ErrorText& error, const ErrorTexts& texts, size_t width) {
  std::string out = error.urn + "\n";
  const std::string status = error.status == 0 ? "" : fmt::format("HTTP {} ", error.status);
  out += wrapped("", status + error.title, width);
  out += "\n" + wrapped("", error.what, width);
  section(out, "Scenarios", error.scenarios, width);
  section(out, "Common mistakes", error.mistakes, width);
  if (!error.fix.empty()) out += "\nHow to fix it:\n";
  for (size_t i = 0; i < error.fix.size(); ++i) {
    out += wrapped(fmt::format("  {}. ", i + 1), error.fix[i], width);
  }
  if (!error.related.empty()) out += "\nRelated errors:\n";
  for (const std::string& urn : error.related) {
    const ErrorText* related = find_error(texts, urn);
    out += wrapped("  - ", related ? urn + " (" + related->title + ")" : urn, width);
  }
  return out;
}

}  // namespace picket
