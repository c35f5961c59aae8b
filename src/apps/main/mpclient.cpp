#include <filesystem>
#include <system_error>

#include "mptunnel/apps/program.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/host/system.h"

namespace {

using namespace mptunnel;

/// The same after a restart, and another one for another instance on this host.
ClientIdentity identity_of(const ClientStart& start) {
  const SecretKey* key = start.options.key ? &*start.options.key : nullptr;
  if (!start.config.client_id.empty()) return derive_client_identity(key, start.config.client_id);
  std::string listen;
  for (const ListenAddress& address : start.config.listen) listen += address.endpoint.to_string() + ' ';
  std::error_code error;
  const auto path = std::filesystem::absolute(start.options.config_path, error);
  return derive_client_identity(key, machine_id(), listen, error ? start.options.config_path : path.string());
}

tl::expected<Prepared, StartError> prepare(const CommandLine& line) {
  auto start = load_client_start(line);
  if (!start) return tl::unexpected(start.error());
  ClientSettings settings;
  settings.handshake = {start->options.key, start->options.encrypt, offers_aes(start->options.cipher)};
  settings.identity = identity_of(*start);
  settings.min_paths = start->config.min_paths;
  return Prepared{start->options, start->config.listen.front().endpoint.port, render_check(*start),
                  [config = start->config, offload = start->options.offload, settings] {
                    raise_open_file_limit();
                    return make_client_app(config, settings, SocketTuning{offload, config.common.copy_dscp});
                  }};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(Program::mpclient, argc, argv, MPTUNNEL_VERSION, prepare);
}
