// Result<T>: how every fallible step outside the hot path reports failure.
//
// A bad configuration, schema or rule yields Diagnostics that point at file, line and column; a
// reader collects all of them before it gives up. Bad events have a cheaper channel (DecodeError).
//
// Thread rule: plain values; share nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace picket {

// A place in a text file. Lines and columns count from 1; 0 means "not known".
struct Location {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
};

enum class Severity : uint8_t { Error, Warning };

struct Diagnostic {
  Location where;
  std::string message;
  std::string hint = {};  // what to do about it, e.g. "did you mean 'contains'?"; may be empty
  Severity severity = Severity::Error;
};

using Diagnostics = std::vector<Diagnostic>;

template <class T>
using Result = std::expected<T, Diagnostics>;

// One diagnostic as the error of any Result.
inline std::unexpected<Diagnostics> fail(Location where, std::string message,
                                         std::string hint = {}) {
  return std::unexpected(
      Diagnostics{{std::move(where), std::move(message), std::move(hint), Severity::Error}});
}

// True when at least one entry is an error (warnings alone do not stop anything).
bool has_errors(const Diagnostics& diagnostics);

// "file:line:column: error: message" and, when the source text is at hand, the offending line with
// a caret below it. `text` may be empty.
std::string render(const Diagnostic& diagnostic, std::string_view text = {});

// Moves the entries of `from` behind those of `to`.
void append(Diagnostics& to, Diagnostics from);

}  // namespace picket

// Evaluates `expr` (a Result) and declares `decl` from its value, or returns its diagnostics.
#define PICKET_TRY(decl, expr) PICKET_TRY_LINE_(decl, expr, __LINE__)
#define PICKET_TRY_LINE_(decl, expr, line) PICKET_TRY_NAMED_(decl, expr, line)
#define PICKET_TRY_NAMED_(decl, expr, line)                                     \
  auto result_##line = (expr);                                                  \
  if (!result_##line) return std::unexpected(std::move(result_##line).error()); \
  decl = *std::move(result_##line)
