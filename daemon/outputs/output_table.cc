// All kinds of outputs. A new one is its own file, a declaration and a line here.
#include "daemon/outputs/output.h"

namespace picket {

Result<std::unique_ptr<Output>> make_alertmanager_output(const Node& node, OutputContext context);
Result<std::unique_ptr<Output>> make_file_output(const Node& node, OutputContext context);

const std::vector<OutputKind>& output_kinds() {
  static const std::vector<OutputKind> kinds = {
      {"alertmanager", make_alertmanager_output},
      {"file", make_file_output},
  };
  return kinds;
}

}  // namespace picket
