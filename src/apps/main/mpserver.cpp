#include <algorithm>

#include "mptunnel/apps/program.h"
#include "mptunnel/host/system.h"
#include "mptunnel/ports/listen_sockets.h"

namespace {

using namespace mptunnel;

/// Open files that are neither flows nor listening sockets: the loop, the resolver, standard streams.
constexpr std::uint64_t kFilesForTheRest = 64;

tl::expected<std::unique_ptr<App>, std::string> make(const ServerStart& start) {
  const ServerConfig& config = start.config;
  ServerSettings settings;
  settings.handshake = {start.options.key, start.options.encrypt, offers_aes(start.options.cipher)};
  settings.named_keys = start.options.named_keys;
  settings.max_sessions = config.max_clients;
  settings.mode = scheduler_mode(config.common);
  settings.repair = repair_settings(config.common);
  settings.order = order_settings(config.common);
  settings.has_target = config.target.has_value();
  settings.inner = inner_settings(config);
  settings.max_sessions_of_network = config.max_clients_per_network;
  // Each flow has a socket: what the system does not allow is refused here, with a word why.
  const std::uint64_t files = raise_open_file_limit();
  const std::uint64_t others = kFilesForTheRest + config.listen.size() * (kSocketsPerAddress + 1);
  const std::uint64_t for_flows = files > others ? files - others : 1;
  settings.max_flows = static_cast<std::size_t>(std::min<std::uint64_t>(settings.max_flows, for_flows));
  return make_server_app(
      config, settings, start.key_files,
      SocketTuning{start.options.offload, config.common.copy_dscp, config.common.tun.is_on()});
}

tl::expected<Prepared, StartError> prepare(const CommandLine& line) {
  auto start = load_server_start(line);
  if (!start) return tl::unexpected(start.error());
  return Prepared{start->options, start->config.listen.front().endpoint.port, render_check(*start),
                  [start = *start] { return make(start); }};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(Program::mpserver, argc, argv, MPTUNNEL_VERSION, prepare);
}
