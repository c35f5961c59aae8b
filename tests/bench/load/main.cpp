// bench_load: makes and counts the benchmark's traffic. See tests/bench/README.md.
#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "bench/load/sink.h"
#include "bench/load/source.h"
#include "support/common/control_socket.h"

namespace mptunnel::bench {
namespace {

int fail(const std::string& error) {
  fmt::print(stderr, "bench_load: {}\n", error);
  return 1;
}

int run_sink(const std::string& listen, const std::string& counter_file) {
  const auto endpoint = test::resolve_endpoint(listen);
  if (!endpoint) return fail(endpoint.error());
  auto sink = Sink::open(*endpoint, counter_file);
  if (!sink) return fail(sink.error());
  fmt::print("listening {}\n", sink->listening().to_string());
  std::fflush(stdout);
  const SinkCounters counters = sink->run();
  fmt::print("{{\"received\":{},\"received_bytes\":{},\"kernel_drops\":{}}}\n", counters.datagrams,
             counters.bytes, sink->kernel_drops());
  return 0;
}

struct Load {
  std::vector<std::string> targets;
  SourceOptions source;
  double rate = 1000;
  double seconds = 1;
  std::string control;
};

std::string to_json(const SourceResult& result) {
  return fmt::format("{{\"sent\":{},\"failed\":{},\"seconds\":{:.6f},\"rate\":{:.1f}}}", result.sent,
                     result.failed, result.seconds, static_cast<double>(result.sent) / result.seconds);
}

/// Sends when told to, until it is ended.
int obey(Source& source, const std::string& path) {
  auto control = test::ControlSocket::open(path);
  if (!control) return fail(control.error());
  fmt::print("ready\n");
  std::fflush(stdout);
  for (;;) {
    pollfd entry{control->fd(), POLLIN, 0};
    if (poll(&entry, 1, -1) <= 0) continue;
    control->serve([&source](std::string_view command, bool /*can_answer*/) -> std::string {
      double rate = 0;
      double seconds = 0;
      if (std::sscanf(std::string(command).c_str(), "%lf %lf", &rate, &seconds) != 2)
        return "error: RATE SECONDS is wanted";
      return to_json(source.run(rate, seconds));
    });
  }
}

int run_source(Load load) {
  for (const std::string& target : load.targets) {
    auto endpoint = test::resolve_endpoint(target);
    if (!endpoint) return fail(endpoint.error());
    load.source.targets.push_back(*endpoint);
  }
  test::raise_file_limit();
  auto source = Source::open(load.source);
  if (!source) return fail(source.error());
  if (!load.control.empty()) return obey(*source, load.control);
  fmt::print("{}\n", to_json(source->run(load.rate, load.seconds)));
  return 0;
}

int run(int argc, char** argv) {
  std::string listen;
  std::string counter_file;
  std::string offload = "yes";
  Load load;
  SourceOptions& options = load.source;
  CLI::App app{"Makes and counts the traffic of a benchmark."};
  app.require_subcommand(1);
  CLI::App* const sink = app.add_subcommand("sink", "count datagrams until SIGTERM");
  sink->add_option("--listen", listen, "ADDRESS:PORT, or PORT of 127.0.0.1; port 0: a free one")->required();
  sink->add_option("--counter", counter_file,
                   "file with the count so far: two 64-bit numbers, datagrams and bytes");
  CLI::App* const send = app.add_subcommand("send", "send datagrams at an even rate");
  send->add_option("TARGET", load.targets, "ADDRESS:PORT; flows take them in turn")->required();
  send->add_option("--rate", load.rate,
                   "datagrams a second over all flows (default 1000; 0: as fast as it goes)")
      ->check(CLI::Range(0.0, 1e8));
  send->add_option("--for", load.seconds, "seconds (default 1)")->check(CLI::Range(0.0, 1e6));
  send->add_option("--size", options.bytes, "bytes (default 1400)")->check(CLI::Range(0, 65000));
  send->add_option("--flows", options.flows, "sockets that take turns (default 1)")
      ->check(CLI::Range(1, 100000));
  send->add_option("--offload", offload, "yes: what is due at once leaves with UDP_SEGMENT (default yes)")
      ->check(CLI::IsMember({"yes", "no"}));
  send->add_option("--control", load.control,
                   "UNIX socket to listen at: 'RATE SECONDS' sends from the same flows each time, the answer "
                   "is the result");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.offload = offload == "yes";
  return sink->parsed() ? run_sink(listen, counter_file) : run_source(load);
}

}  // namespace
}  // namespace mptunnel::bench

int main(int argc, char** argv) {
  try {
    return mptunnel::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_load: {}\n", error.what());
    return 1;
  }
}
