// udp_probe: sends, echoes, takes and checks datagrams. See tests/support/README.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "support/common/control_socket.h"
#include "support/probe/garbage.h"
#include "support/probe/receive.h"
#include "support/probe/send.h"

namespace mptunnel::test {
namespace {

constexpr int kUsageError = 2;
constexpr int kSystemError = 1;

struct SizeRange {
  std::size_t least = 0;
  std::size_t most = 0;
};

/// "N" or "MIN-MAX".
std::optional<SizeRange> parse_size_range(std::string_view text) {
  const auto size = [](std::string_view part) -> std::optional<std::size_t> {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size() || value > kMaxProbeBytes)
      return std::nullopt;
    return value;
  };
  const std::size_t dash = text.find('-');
  const auto least = size(text.substr(0, dash));
  const auto most = dash == std::string_view::npos ? least : size(text.substr(dash + 1));
  if (!least || !most || *least > *most) return std::nullopt;
  return SizeRange{.least = *least, .most = *most};
}

/// 16 bytes in hex digits.
std::optional<SipHashKey> parse_mac_key(std::string_view text) {
  std::array<std::uint8_t, 16> bytes{};
  if (text.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* const first = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(first, first + 2, bytes.at(i), 16);
    if (error != std::errc{} || end != first + 2) return std::nullopt;
  }
  return siphash_key(bytes);
}

int fail(const std::string& error, int code) {
  fmt::print(stderr, "udp_probe: {}\n", error);
  return code;
}

int print_report(const nlohmann::ordered_json& report) {
  fmt::print("{}\n", report.dump());
  return std::fflush(stdout) == 0 ? 0 : kSystemError;
}

/// The options of all subcommands; each reads its own.
struct Arguments {
  ReceiveOptions receive;
  SendOptions send;
  GarbageOptions garbage;
  std::string send_size = "1000";
  std::string garbage_size = "0-1500";
  std::string garbage_mode = "random";
  std::string garbage_mac_key;
  bool one_way = false;
  bool two_way = false;
  std::string control_path;
  std::vector<std::string> command;
};

void add_receive(CLI::App& app, const std::string& name, const std::string& help, Arguments& all) {
  CLI::App* const sub = app.add_subcommand(name, help);
  const CLI::Range seconds(0.0, 1e6);
  sub->add_option("--listen", all.receive.listen, "ADDRESS:PORT, or PORT of 127.0.0.1; port 0: a free one")
      ->required();
  sub->add_option("--expect", all.receive.expect, "end when so many different datagrams have arrived");
  sub->add_option("--drain", all.receive.drain_seconds,
                  "after --expect, wait so many seconds for duplicates (default 0)")
      ->check(seconds);
  sub->add_option("--ignore-above", all.receive.ignore_above,
                  "let the kernel drop datagrams of more than so many bytes, uncounted");
  sub->add_option("--idle", all.receive.idle_seconds,
                  "end after so many seconds without arrival, once there was one")
      ->check(seconds);
  sub->add_option("--for", all.receive.for_seconds, "end after so many seconds")->check(seconds);
}

void add_send(CLI::App& app, Arguments& all) {
  CLI::App* const sub = app.add_subcommand("send", "send numbered datagrams and check their echoes");
  SendOptions& options = all.send;
  const CLI::Range seconds(0.0, 1e6);
  sub->add_option("TARGET", options.target, "HOST:PORT, or PORT of 127.0.0.1")->required();
  sub->add_option("--count", options.count, "datagrams to send, over all flows")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 31U));
  sub->add_option("--for", options.for_seconds, "send for so many seconds")->check(seconds);
  sub->add_option("--rate", options.rate,
                  "datagrams a second over all flows (default 1000; 0: as fast as it goes)")
      ->check(CLI::Range(0.0, 1e7));
  sub->add_option("--size", all.send_size, "bytes, or MIN-MAX for random sizes (0 to 65507, default 1000)");
  sub->add_option("--flows", options.flows, "sockets that take turns (default 1)")
      ->check(CLI::Range(std::size_t{1}, Sender::kMaxFlows));
  auto* const echo = sub->add_flag("--expect-echo,--bidir", all.two_way, "the far end echoes (default)");
  sub->add_flag("--one-way", all.one_way, "no answer is expected")->excludes(echo);
  sub->add_option("--seed", options.seed, "of run id and sizes (default: random)");
  sub->add_option("--bind", options.bind, "ADDRESS:PORT to send from; flow i takes PORT + i");
  sub->add_option("--drain", options.drain_seconds, "wait so many seconds for late echoes (default 1)")
      ->check(seconds);
  sub->add_option("--timeline", options.timeline, "write 'number sent_ns received_ns flow' for each echo");
  sub->add_flag("--progress", options.progress, "a line a second on standard error");
}

void add_garbage(CLI::App& app, Arguments& all) {
  CLI::App* const sub = app.add_subcommand("garbage", "flood a port with hostile datagrams");
  GarbageOptions& options = all.garbage;
  sub->add_option("TARGET", options.target, "HOST:PORT, or PORT of 127.0.0.1")->required();
  sub->add_option("--rate", options.rate, "datagrams a second (default 1000; 0: as fast as it goes)")
      ->check(CLI::Range(0.0, 1e7));
  sub->add_option("--for", options.for_seconds, "seconds (default 10)")->check(CLI::Range(0.0, 1e6));
  sub->add_option("--seed", options.seed, "of everything random (default 1)");
  sub->add_option("--mode", all.garbage_mode,
                  "comma-separated random, truncate, flip, replay, forge; or all but forge (default random)");
  sub->add_option("--size", all.garbage_size, "of random datagrams, MIN-MAX (default 0-1500)");
  sub->add_option("--samples", options.samples, "datagrams that lossy_bridge --capture wrote");
  sub->add_option("--bind", options.bind, "ADDRESS:PORT to send from");
  sub->add_option("--mac-key", all.garbage_mac_key, "32 hex digits: forge makes the mac with it");
  sub->add_option("--sources", options.sources, "A.B.C.D/BITS: send from addresses of this network in turn");
  sub->add_option("--source-count", options.source_count, "so many of them, spread evenly (default 1)");
}

void add_control(CLI::App& app, Arguments& all) {
  CLI::App* const sub =
      app.add_subcommand("control", "send a command to a lossy_bridge and print its answer");
  sub->add_option("PATH", all.control_path, "what the bridge's --control names")->required();
  sub->add_option("COMMAND", all.command, "for example: loss 20")->required();
}

int receive(Arguments& all, bool echo) {
  all.receive.echo = echo;
  const auto receiver = Receiver::create(all.receive);
  if (!receiver) return fail(receiver.error(), kSystemError);
  fmt::print("listening {}\n", (*receiver)->listening().to_string());
  std::fflush(stdout);
  return print_report((*receiver)->run());
}

int send(Arguments& all) {
  if (all.send.count == 0 && all.send.for_seconds <= 0)
    return fail("send needs --count or --for", kUsageError);
  const auto size = parse_size_range(all.send_size);
  if (!size) return fail("--size takes N or MIN-MAX, 0 to 65507", kUsageError);
  all.send.min_bytes = size->least;
  all.send.max_bytes = size->most;
  all.send.expect_echo = !all.one_way;
  const auto sender = Sender::create(all.send);
  if (!sender) return fail(sender.error(), kSystemError);
  return print_report((*sender)->run());
}

int garbage(Arguments& all) {
  const auto size = parse_size_range(all.garbage_size);
  if (!size) return fail("--size takes N or MIN-MAX, 0 to 65507", kUsageError);
  const auto mutations = parse_mutations(all.garbage_mode);
  if (!mutations) return fail(fmt::format("--mode: {}", mutations.error()), kUsageError);
  all.garbage.mutator = {
      .mutations = *mutations, .min_random_bytes = size->least, .max_random_bytes = size->most};
  if (!all.garbage_mac_key.empty()) {
    const auto key = parse_mac_key(all.garbage_mac_key);
    if (!key) return fail("--mac-key takes 32 hex digits", kUsageError);
    all.garbage.mutator.mac_key = *key;
  }
  const auto sender = GarbageSender::create(all.garbage);
  if (!sender) return fail(sender.error(), kSystemError);
  return print_report((*sender)->run());
}

int control(const Arguments& all) {
  std::string text;
  for (const std::string& word : all.command) text += (text.empty() ? "" : " ") + word;
  const auto answer = ask_control_socket(all.control_path, text, std::chrono::seconds(5));
  if (!answer) return fail(answer.error(), kSystemError);
  fmt::print("{}", *answer);
  return answer->starts_with("error") ? kUsageError : 0;
}

int run(int argc, char** argv) {
  Arguments all;
  CLI::App app{"Sends, echoes, takes and checks UDP datagrams; a line of JSON at the end."};
  app.require_subcommand(1);
  add_receive(app, "echo", "send back what arrives, and check it", all);
  add_receive(app, "sink", "check what arrives", all);
  add_send(app, all);
  add_garbage(app, all);
  add_control(app, all);
  app.footer(
      "Example: udp_probe echo --listen 127.0.0.1:0\n"
      "         udp_probe send 127.0.0.1:3000 --count 100000 --rate 5000 --size 1000");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  raise_file_limit();
  if (app.got_subcommand("echo")) return receive(all, true);
  if (app.got_subcommand("sink")) return receive(all, false);
  if (app.got_subcommand("send")) return send(all);
  if (app.got_subcommand("garbage")) return garbage(all);
  return control(all);
}

}  // namespace
}  // namespace mptunnel::test

int main(int argc, char** argv) {
  try {
    return mptunnel::test::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "udp_probe: %s\n", error.what());
    return 1;
  }
}
