// picket: parses the verb and runs it.
#include <csignal>

#include "daemon/commands/run_command.h"

int main(int argc, char** argv) {
  // A reader of our output that goes away is an error of that write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // Likewise a file that may not grow further.
  std::signal(SIGXFSZ, SIG_IGN);
  return picket::run_command_line(argc, argv);
}
