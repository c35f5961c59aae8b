#include "mptunnel/apps/program.h"
#include "mptunnel/crypto/system_random.h"
#include "mptunnel/host/system.h"

namespace {

using namespace mptunnel;

tl::expected<std::unique_ptr<App>, std::string> make(const ClientStart& start) {
  SystemRandom random;
  const auto identity = client_identity(start, random);
  if (!identity) return tl::make_unexpected(identity.error());
  ClientSettings settings;
  settings.handshake = {start.options.key, start.options.encrypt, offers_aes(start.options.cipher)};
  settings.identity = *identity;
  settings.name = start.config.client_id;
  settings.min_paths = start.config.min_paths;
  settings.mode = scheduler_mode(start.config.common);
  settings.repair = repair_settings(start.config.common);
  settings.order = order_settings(start.config.common);
  settings.inner = wanted_inner(start.config.common.tun);
  raise_open_file_limit();
  return make_client_app(start.config, settings, address_path(start),
                         SocketTuning{start.options.offload, start.config.common.copy_dscp,
                                      start.config.common.tun.is_on(), start.config.fwmark});
}

tl::expected<Prepared, StartError> prepare(const CommandLine& line) {
  auto start = load_client_start(line);
  if (!start) return tl::unexpected(start.error());
  return Prepared{start->options, start->config.listen.front().endpoint.port, render_check(*start),
                  [start = *start] { return make(start); }};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(Program::mpclient, argc, argv, MPTUNNEL_VERSION, prepare);
}
