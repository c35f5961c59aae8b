// The readers of the statements of the device for IP packets.
#include <fmt/format.h>

#include <algorithm>

#include "mptunnel/config/limits.h"
#include "mptunnel/config/text.h"
#include "mptunnel/config/value.h"
#include "statement_readers.h"

namespace mptunnel {
namespace {

constexpr std::string_view kAutomatic = "auto";

/// Every word of the line is one of `values`, as `parse` understands it.
template <typename Value, typename Parse>
void read_all(StatementLine& line, std::vector<Value>& values, std::size_t most, Parse parse) {
  if (line.arguments().empty()) {
    return line.wrong("'{}' says nothing: write '{} {}'", line.statement.word, line.statement.word,
                      line.statement.argument);
  }
  for (const std::string_view word : line.arguments()) {
    if (word.find(',') != std::string_view::npos) {
      line.wrong("{} has a comma: write blanks between several here", quote_word(word));
      continue;
    }
    auto value = parse(word);
    if (!value) {
      line.wrong(std::move(value.error()));
    } else if (std::find(values.begin(), values.end(), *value) != values.end()) {
      line.wrong("{} stands there already: write it once", quote_word(word));
    } else if (values.size() == most) {
      return line.wrong("{} is one too many: '{}' takes at most {}", quote_word(word), line.statement.word,
                        most);
    } else {
      values.push_back(std::move(*value));
    }
  }
}

/// A command is the rest of its line.
void read_hook(StatementLine& line, std::string& hook) {
  std::string command = fmt::format("{}", fmt::join(line.arguments(), " "));
  if (command.empty()) return line.wrong("'{0}' says nothing: write '{0} COMMAND'", line.statement.word);
  if (command.size() > kMaxHookBytes) {
    return line.wrong("the command has {} bytes, and may have {}: put it in a script", command.size(),
                      kMaxHookBytes);
  }
  hook = std::move(command);
}

}  // namespace

void read_client_tun(StatementLine& line, ClientConfig& config) {
  TunConfig& tun = config.common.tun;
  const auto words = line.arguments();
  const bool is_automatic = std::find(words.begin(), words.end(), kAutomatic) != words.end();
  if (!is_automatic && !tun.is_automatic)
    return read_all(line, tun.addresses, kMaxTunAddresses, parse_tun_address);
  if (words.size() != 1 || tun.is_on()) {
    return line.wrong(
        "'tun auto' has mpserver choose all addresses: write that alone, or 'tun ADDRESS/PREFIX'");
  }
  tun.is_automatic = true;
}

void read_server_tun(StatementLine& line, ServerConfig& config) {
  const auto words = line.arguments();
  if (std::find(words.begin(), words.end(), kAutomatic) != words.end()) {
    return line.wrong(
        "'tun auto' is for mpclient: mpserver has the addresses to give, write 'tun ADDRESS/PREFIX'");
  }
  read_all(line, config.common.tun.addresses, kMaxTunAddresses, parse_tun_address);
}

void read_tun_name(StatementLine& line, CommonConfig& config) {
  const auto word = line.word();
  if (!word) return;
  if (auto wrong = tun_name_error(*word)) return line.wrong(std::move(*wrong));
  config.tun.name = *word;
}

void read_tun_mtu(StatementLine& line, CommonConfig& config) {
  const auto word = line.word();
  if (!word) return;
  config.tun.mtu.reset();
  if (*word == "auto") return;
  const auto mtu = parse_number(*word, kLeastTunMtu, kMostTunMtu);
  if (!mtu) return line.wrong("{}; or 'tun-mtu auto'", mtu.error());
  config.tun.mtu = *mtu;
}

void read_mss_clamp(StatementLine& line, CommonConfig& config) {
  if (const auto clamps = line.either()) config.tun.clamps_mss = *clamps;
}

void read_client_allow(StatementLine& line, ClientConfig& config) {
  read_all(line, config.common.tun.allow, kMaxTunNetworks, parse_prefix);
}

void read_server_allow(StatementLine& line, ServerConfig& config) {
  read_all(line, config.common.tun.allow, kMaxTunPrefixes, parse_allowed);
}

void read_route(StatementLine& line, ClientConfig& config) {
  // 'default' is all of both families; a prefix of length 0 all of its own.
  const auto words = line.arguments();
  const bool is_default = std::find(words.begin(), words.end(), "default") != words.end();
  if (!is_default) return read_all(line, config.routes, kMaxTunPrefixes, parse_prefix);
  if (words.size() > 1) return line.wrong("'route default' is all there is: write it alone");
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const Prefix all{.address = {.family = family}};
    if (std::find(config.routes.begin(), config.routes.end(), all) == config.routes.end())
      config.routes.push_back(all);
  }
}

void read_up(StatementLine& line, CommonConfig& config) {
  read_hook(line, config.tun.up);
}

void read_down(StatementLine& line, CommonConfig& config) {
  read_hook(line, config.tun.down);
}

void read_client_to_client(StatementLine& line, ServerConfig& config) {
  if (const auto may = line.either()) config.client_to_client = *may;
}

tl::expected<AddressPrefix, std::string> parse_tun_address(std::string_view word) {
  auto address = parse_address_prefix(word);
  const auto is_link_local = [&](std::string_view network) {
    return parse_prefix(network)->contains(address->address);
  };
  if (!address || !(is_link_local("169.254.0.0/16") || is_link_local("fe80::/10"))) return address;
  return tl::make_unexpected(
      fmt::format("{} is link-local, and no route leads there: write an address of a network of its own, as "
                  "in 10.42.42.1/24 or fd00:42::1/64",
                  quote_word(word)));
}

std::optional<std::string> tun_name_error(std::string_view word) {
  const auto is_odd = [](char letter) {
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '_' || letter == '-' || letter == '.';
    return !is_plain;
  };
  if (word.empty() || word.size() > kMaxTunNameBytes || word == "." || word == ".." ||
      std::any_of(word.begin(), word.end(), is_odd)) {
    return fmt::format("{} is no name of a network interface: write 1 to {} letters, digits and . _ -",
                       quote_word(word), kMaxTunNameBytes);
  }
  return std::nullopt;
}

}  // namespace mptunnel
