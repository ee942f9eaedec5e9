// picket: parses the verb and runs it.
#include <malloc.h>

#include <csignal>

#include "daemon/commands/run_command.h"

int main(int argc, char** argv) {
  // Threads come and go with reloads, and what one allocates another frees: with an arena for each,
  // memory grew until every arena was as large as any thread ever needed. Nothing is allocated per
  // event that would make them wait for each other.
  mallopt(M_ARENA_MAX, 1);
  // A reader of our output that goes away is an error of that write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // Likewise a file that may not grow further.
  std::signal(SIGXFSZ, SIG_IGN);
  return picket::run_command_line(argc, argv);
}
