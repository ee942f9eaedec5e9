// The command line as a whole: `picket VERB [options]`.
//
// Thread rule: main thread, once.
#pragma once

namespace picket {

// Parses and runs. Usage errors are explained on standard error and give exit code 2.
int run_command_line(int argc, char** argv);

}  // namespace picket
