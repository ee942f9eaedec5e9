#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <map>

#include "daemon/commands/command.h"
#include "daemon/commands/run_command.h"

namespace picket {

std::function<int()> declare_run(OptionSet set);
std::function<int()> declare_check(OptionSet set);
std::function<int()> declare_replay(OptionSet set);
std::function<int()> declare_match(OptionSet set);
std::function<int()> declare_classify(OptionSet set);
std::function<int()> declare_test(OptionSet set);
std::function<int()> declare_explain(OptionSet set);
std::function<int()> declare_version(OptionSet set);

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"run", "watch logs, export metrics, send alerts: the daemon", declare_run},
      {"check", "validate configuration, schemas and rules", declare_check},
      {"replay", "run the same pipeline over log files and report what it finds", declare_replay},
      {"match", "print which rules match which lines", declare_match},
      {"classify", "print why each refused request was refused", declare_classify},
      {"test", "run the tests that stand inside rules", declare_test},
      {"explain", "say what an error means, or why a rule does or does not match", declare_explain},
      {"version", "print version, commit and instruction set", declare_version},
  };
  return table;
}

int run_command_line(int argc, char** argv) {
  CLI::App app(
      "picket: guard in front of an API. Reads its logs, tells why requests were refused\n"
      "and who is testing the boundary.",
      "picket");
  app.require_subcommand(1);
  std::map<CLI::App*, std::function<int()>> actions;
  for (const Command& command : commands()) {
    CLI::App* verb = app.add_subcommand(std::string(command.name), std::string(command.about));
    actions[verb] = command.declare(OptionSet(*verb));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int code = app.exit(error);
    return code == 0 ? ExitCode::kFine : ExitCode::kUsage;
  }
  return actions.at(app.get_subcommands().front())();
}

}  // namespace picket
