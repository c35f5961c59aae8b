#include "support/bridge/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>

namespace mptunnel::test {
namespace {

constexpr int kUsageError = 2;

/// What was given for one impairment, by suffix: "", "-up", "-down".
struct Given {
  std::string option;
  std::vector<std::string> values;
  bool is_set = false;
};

/// Adds the options of all impairments. The returned values are filled while parsing, so they must not move.
std::vector<std::unique_ptr<Given>> add_impairments(CLI::App& app) {
  std::vector<std::unique_ptr<Given>> all;
  for (const std::string suffix : {"", "-up", "-down"}) {
    for (const ImpairmentWord& word : impairment_words()) {
      auto& given = *all.emplace_back(std::make_unique<Given>());
      given.option = std::string(word.name) + suffix;
      const std::string flag = fmt::format("--{}", given.option);
      // The variants are explained once, in the footer: the help stays short.
      const std::string help = suffix.empty() ? std::string(word.help) : std::string();
      if (word.value.empty()) {
        app.add_flag(flag, given.is_set, help)->group(suffix.empty() ? "Impairments" : "");
      } else {
        app.add_option(flag, given.values, help)
            ->type_name(std::string(word.value))
            ->allow_extra_args(false)
            ->group(suffix.empty() ? "Impairments" : "");
      }
    }
  }
  return all;
}

/// "" if all fits; else the mistake.
std::string apply(const std::vector<std::unique_ptr<Given>>& all, ImpairmentPair& impairments) {
  for (const auto& given : all) {
    if (given->is_set) given->values = {"on"};
    for (const std::string& value : given->values) {
      const auto done = apply_impairment(impairments, given->option, value, Duration{0});
      if (!done) return fmt::format("--{}", done.error());
    }
  }
  for (const ImpairmentOptions* one : {&impairments.up, &impairments.down}) {
    if (const auto checked = one->check(); !checked) return checked.error();
  }
  return {};
}

struct InjectTexts {
  std::string mutations = "random";
  std::string capture_direction = "both";
};

void add_plain_options(CLI::App& app, BridgeOptions& options, InjectTexts& texts) {
  app.add_option("LISTEN", options.listen, "ADDRESS:PORT, or PORT of 127.0.0.1; port 0: a free one")
      ->required();
  app.add_option("TARGET", options.target, "HOST:PORT, or PORT of 127.0.0.1")->required();
  app.add_option("--seed", options.seed, "of everything random (default 1)");
  app.add_option("--max-clients", options.max_clients, "client addresses at a time")
      ->check(CLI::Range(1, 100000));
  app.add_option("--idle", options.idle_seconds, "seconds without traffic after which a client is forgotten")
      ->check(CLI::Range(0.1, 1e6));
  app.add_option("--rebind-at", options.rebind_at,
                 "seconds after which all upstream sockets get new ports; repeatable")
      ->allow_extra_args(false)
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--for", options.for_seconds, "end after this many seconds")->check(CLI::Range(0.0, 1e6));
  app.add_option("--control", options.control_path, "take commands at this UNIX datagram socket");
  app.add_option("--stats-file", options.stats_file, "write the statistics here, too");
  app.add_option("--capture", options.capture_file, "write received datagrams to this sample file");
  app.add_option("--capture-limit", options.capture_limit, "at most so many (default 10000)");
  app.add_option("--capture-direction", texts.capture_direction, "up, down or both (default)")
      ->check(CLI::IsMember({"up", "down", "both"}));
  app.add_option("--trace", options.trace_file, "write a line for each datagram that passes or is lost");
  app.add_option("--trace-limit", options.trace_limit, "at most so many (default 1000000)");
  constexpr std::string_view kInjectHelp =
      "send garbage to {}, made from a sample file, 'live' (what passes) or 'none' (random bytes only)";
  app.add_option("--inject-up", options.inject[0], fmt::format(kInjectHelp, "the target"));
  app.add_option("--inject-down", options.inject[1], fmt::format(kInjectHelp, "the latest client"));
  app.add_option("--inject-rate", options.inject_rate,
                 "garbage a second, each direction (default 1000; 0: paused)")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--inject-mode", texts.mutations, "comma-separated random, truncate, flip, replay; or all");
}

}  // namespace

ParsedBridgeOptions parse_bridge_options(int argc, char** argv) {
  ParsedBridgeOptions result;
  BridgeOptions options;
  InjectTexts texts;
  CLI::App app{"A UDP relay like socat's udp-listen,fork that impairs what it relays."};
  add_plain_options(app, options, texts);
  const auto impairments = add_impairments(app);
  app.footer(
      "Each impairment also exists as --NAME-up (from clients to the target) and --NAME-down.\n"
      "Example: lossy_bridge 127.0.0.1:4000 127.0.0.1:2000 --loss 20 --delay-down 30 --seed 7\n"
      "SIGUSR1 toggles a blackout; SIGTERM and SIGINT end it with a line of JSON.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    result.exit_code = app.exit(error) == 0 ? 0 : kUsageError;
    return result;
  }
  std::string mistake = apply(impairments, options.impairments);
  if (const auto mutations = parse_mutations(texts.mutations)) {
    options.inject_mutator.mutations = *mutations;
  } else {
    mistake = fmt::format("--inject-mode: {}", mutations.error());
  }
  if (!mistake.empty()) {
    std::cerr << mistake << '\n';
    result.exit_code = kUsageError;
    return result;
  }
  options.capture_up = texts.capture_direction != "down";
  options.capture_down = texts.capture_direction != "up";
  result.options = std::move(options);
  return result;
}

}  // namespace mptunnel::test
