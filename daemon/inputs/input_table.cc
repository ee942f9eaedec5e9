// The kinds of inputs. A new one is a file beside this one and a line in each list below.
#include "daemon/inputs/input.h"

namespace picket {

Result<std::unique_ptr<Input>> make_clickhouse_input(const Node& node, InputContext context);
Result<std::unique_ptr<Input>> make_file_input(const Node& node, InputContext context);
Result<std::unique_ptr<Input>> make_http_input(const Node& node, InputContext context);
Result<std::unique_ptr<Input>> make_journald_input(const Node& node, InputContext context);
Result<std::unique_ptr<Input>> make_stdin_input(const Node& node, InputContext context);
Result<std::unique_ptr<Input>> make_tcp_input(const Node& node, InputContext context);
Result<std::unique_ptr<Input>> make_unix_input(const Node& node, InputContext context);

const std::vector<InputKind>& input_kinds() {
  static const std::vector<InputKind> kKinds = {
      {"clickhouse", make_clickhouse_input},
      {"file", make_file_input},
      {"http", make_http_input},
      {"journald", make_journald_input},
      {"stdin", make_stdin_input},
      {"tcp", make_tcp_input},
      {"unix", make_unix_input},
  };
  return kKinds;
}

}  // namespace picket
