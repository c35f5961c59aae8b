// bench_relay: the yardstick of the benchmark, a plain fan-out relay over mptunnel's sockets. See
// tests/bench/README.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "bench/relay/client.h"
#include "bench/relay/server.h"
#include "mptunnel/host/system.h"
#include "support/common/sockets.h"

namespace mptunnel::bench {
namespace {

struct Arguments {
  std::string listen;
  std::vector<std::string> listens;
  std::vector<std::string> paths;
  std::string target;
  std::uint16_t source_port = 0;
  bool single = false;
};

std::vector<Endpoint> endpoints_of(const std::vector<std::string>& texts) {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts) {
    auto endpoint = test::resolve_endpoint(text);
    if (!endpoint) throw CLI::ValidationError(endpoint.error());
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

template <typename Relay>
int serve(const Relay& relay) {
  auto listening = relay->start();
  if (!listening) {
    fmt::print(stderr, "bench_relay: {}\n", listening.error());
    return 1;
  }
  fmt::print("listening {}\n", listening->to_string());
  std::fflush(stdout);
  relay->run();
  return 0;
}

int run(int argc, char** argv) {
  Arguments all;
  CLI::App app{"A plain fan-out relay: what the benchmark measures mptunnel against."};
  app.require_subcommand(1);
  CLI::App* const client = app.add_subcommand("client", "from applications to all paths");
  client->add_option("--listen", all.listen, "ADDRESS:PORT for applications")->required();
  client->add_option("--path", all.paths, "ADDRESS:PORT; repeat for each path")->required();
  client->add_option("--source-port", all.source_port, "of the first path of the first application");
  CLI::App* const server = app.add_subcommand("server", "from the first path to the target");
  server->add_option("--listen", all.listens, "ADDRESS:PORT; repeat for each path, in the client's order")
      ->required();
  server->add_option("--target", all.target, "ADDRESS:PORT")->required();
  server->add_flag("--single", all.single, "one application, behind bridges that change its source ports");
  try {
    app.parse(argc, argv);
    raise_open_file_limit();
    if (client->parsed()) {
      return serve(std::make_unique<RelayClient>(
          ClientOptions{endpoints_of({all.listen}).front(), endpoints_of(all.paths), all.source_port}));
    }
    return serve(std::make_unique<RelayServer>(
        ServerOptions{endpoints_of(all.listens), endpoints_of({all.target}).front(), all.single}));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
}

}  // namespace
}  // namespace mptunnel::bench

int main(int argc, char** argv) {
  try {
    return mptunnel::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_relay: {}\n", error.what());
    return 1;
  }
}
