// Command: one verb of the command line.
//
// Each lives in a file of its own: options struct, a function that declares them, the work.
// command_table.cc lists them; main.cc only parses and calls. Standard output carries data (NDJSON)
// or what was asked for; everything for people goes to standard error.
//
// Thread rule: called once, on the main thread.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "daemon/commands/option_set.h"

namespace picket {

// What a process returns.
struct ExitCode {
  static constexpr int kFine = 0;
  static constexpr int kFailure = 1;  // findings, or a runtime failure
  static constexpr int kUsage = 2;
  static constexpr int kConfig = 78;  // EX_CONFIG
};

struct Command {
  std::string_view name;
  std::string_view about;
  // Declares the command's options and returns what runs it; their values live in the function.
  std::function<int()> (*declare)(OptionSet set);
};

const std::vector<Command>& commands();

}  // namespace picket
