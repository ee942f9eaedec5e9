#include "daemon/inputs/tls_section.h"

namespace picket {

std::optional<TlsFiles> read_tls(MapReader& input, Diagnostics& diagnostics) {
  const Node* section = input.optional("tls");
  if (section == nullptr) return std::nullopt;
  MapReader files(*section, "tls", diagnostics);
  TlsFiles tls{.certificate = files.required_string("certificate"),
               .key = files.required_string("key")};
  if (files.optional("client_ca")) tls.client_ca = files.required_string("client_ca");
  files.finish();
  return tls;
}

}  // namespace picket
