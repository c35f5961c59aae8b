#include "mptunnel/config/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

/// RFC 1035, section 2.3.4; without the root's dot.
constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;
/// RFC 1123, section 2.1, and the underscore that real names have.
constexpr std::string_view kLabelLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
/// IFNAMSIZ of Linux, less its final zero.
constexpr std::size_t kMaxInterfaceBytes = 15;

constexpr std::string_view kHostForms = "write a name, an IPv4 address or an IPv6 address";

/// The two halves of "HOST:PORT"; brackets stay. The port is nullopt if there is none, and if more than one
/// colon without brackets makes the whole an IPv6 address.
struct SplitAddress {
  std::string_view host;
  std::optional<std::string_view> port;
};

SplitAddress split_address(std::string_view word) {
  if (word.starts_with('[')) {
    const std::size_t close = word.find(']');
    if (close == std::string_view::npos || close + 1 == word.size()) return {word, std::nullopt};
    if (word[close + 1] != ':') return {word, std::nullopt};
    return {word.substr(0, close + 1), word.substr(close + 2)};
  }
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon != word.rfind(':')) return {word, std::nullopt};
  return {word.substr(0, colon), word.substr(colon + 1)};
}

/// What stands between brackets, or the word as it is. nullopt if a bracket has no partner.
std::optional<std::string_view> without_brackets(std::string_view word) {
  if (word.starts_with('[') && word.ends_with(']')) word = word.substr(1, word.size() - 2);
  if (word.find_first_of("[]") != std::string_view::npos) return std::nullopt;
  return word;
}

bool is_bracketed(std::string_view word) {
  return word.starts_with('[');
}

/// As RFC 1123, section 2.1, has them.
bool is_host_name(std::string_view word) {
  if (word.ends_with('.')) word.remove_suffix(1);
  if (word.empty() || word.size() > kMaxNameBytes) return false;
  while (!word.empty()) {
    const std::string_view label = word.substr(0, word.find('.'));
    if (label.empty() || label.size() > kMaxLabelBytes) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    if (label.find_first_not_of(kLabelLetters) != std::string_view::npos) return false;
    if (word.size() == label.size() + 1) return false;
    word.remove_prefix(std::min(label.size() + 1, word.size()));
  }
  return true;
}

/// No name ends in a label of digits alone (RFC 3696, section 2): such a word was meant to be an address.
bool ends_like_ipv4(std::string_view word) {
  const std::size_t dot = word.rfind('.');
  return is_digits(dot == std::string_view::npos ? word : word.substr(dot + 1));
}

/// "fe80::1%eth0", IPv6 with an interface by name. Which one it is, the system knows.
struct NamedZone {
  Endpoint address;  ///< without port and scope
  std::string zone;
};
std::optional<NamedZone> parse_named_zone(std::string_view word) {
  const std::size_t percent = word.find('%');
  if (percent == std::string_view::npos) return std::nullopt;
  const auto address = parse_numeric_endpoint(word.substr(0, percent), 0);
  auto zone = parse_interface(word.substr(percent + 1));
  if (!address || address->family != Family::ipv6 || !zone) return std::nullopt;
  return NamedZone{*address, std::move(*zone)};
}

tl::unexpected<std::string> wrong_host(std::string_view word) {
  const SplitAddress split = split_address(word);
  const bool has_port = split.port && is_digits(*split.port) && !split.host.empty();
  if (has_port) {
    return mistake("{} is a host and a port in one word: write them as two, {}", quote_word(word),
                   quote_word(fmt::format("{} {}", split.host, *split.port)));
  }
  if (word.find_first_of(":[]") != std::string_view::npos) {
    return mistake("{} is not an IPv6 address: {}", quote_word(word), kHostForms);
  }
  if (ends_like_ipv4(word)) {
    return mistake("{} is not an IPv4 address: write four numbers from 0 to 255 with dots between them",
                   quote_word(word));
  }
  const bool foreign = std::any_of(word.begin(), word.end(),
                                   [](char letter) { return static_cast<unsigned char>(letter) >= 128; });
  if (foreign) {
    return mistake("{} is not a host name: write names of other than English letters in their 'xn--' form",
                   quote_word(word));
  }
  return mistake("{} is not a host: {}", quote_word(word), kHostForms);
}

/// For a word that split_address() finds no port in.
tl::unexpected<std::string> without_port(std::string_view word, std::string_view form,
                                         std::string_view ipv6_form) {
  if (word.find(':') == std::string_view::npos || is_bracketed(word))
    return mistake("{} has no port: write {}", quote_word(word), form);
  return mistake("{} has several colons: write an IPv6 address in brackets, as in {}", quote_word(word),
                 ipv6_form);
}

/// A numeric address with or without brackets, to listen on or to send from.
tl::expected<BindAddress, std::string> parse_own_address(std::string_view word, std::uint16_t port,
                                                         std::string_view forms) {
  const auto bare = without_brackets(word);
  const auto endpoint = bare ? parse_numeric_endpoint(*bare, port) : std::nullopt;
  if (endpoint && (endpoint->family == Family::ipv6 || !is_bracketed(word)))
    return BindAddress{*endpoint, {}};
  auto named = bare ? parse_named_zone(*bare) : std::nullopt;
  if (named && named->address.is_link_local())
    return BindAddress{named->address.with_port(port), std::move(named->zone)};
  if (named) {
    return mistake("{} has an interface, which a link-local address alone needs: write {}", quote_word(word),
                   quote_word(named->address.address_string()));
  }
  return mistake("{} is not an address: write {}", quote_word(word), forms);
}

bool lacks_zone(const Endpoint& endpoint) {
  return endpoint.family == Family::ipv6 && endpoint.is_link_local() && endpoint.scope == 0;
}

ListenAddress listen_on(std::string_view address, std::uint16_t port, bool may_be_missing = false) {
  return {.endpoint = parse_numeric_endpoint(address, port).value(), .may_be_missing = may_be_missing};
}

}  // namespace

std::string to_string(const HostPort& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
                 : fmt::format("{}:{}", address.host, address.port);
}

std::string address_text(const ListenAddress& address) {
  const std::string text = address.endpoint.address_string();
  return address.zone.empty() ? text : fmt::format("{}%{}", text, address.zone);
}

std::string to_string(const ListenAddress& address) {
  return address.zone.empty() ? address.endpoint.to_string()
                              : fmt::format("[{}]:{}", address_text(address), address.endpoint.port);
}

tl::expected<std::uint16_t, std::string> parse_port(std::string_view word) {
  if (!is_digits(word)) {
    return mistake("{} is not a port: write a number from 1 to 65535", quote_word(word));
  }
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), port);
  if (parsed.ec != std::errc{} || port == 0) {
    return mistake("port {} is out of range: write a number from 1 to 65535", quote_word(word));
  }
  return port;
}

tl::expected<std::string, std::string> parse_host(std::string_view word) {
  const auto bare = without_brackets(word);
  if (!bare) return wrong_host(word);
  if (const auto endpoint = parse_numeric_endpoint(*bare, 0)) {
    if (is_bracketed(word) && bare->find(':') == std::string_view::npos) {
      return mistake("{} has brackets, which are for IPv6 alone: write {}", quote_word(word),
                     quote_word(*bare));
    }
    if (endpoint->is_any()) {
      return mistake("{} is no address that can be sent to: {}", quote_word(word), kHostForms);
    }
    return std::string(*bare);
  }
  if (parse_named_zone(*bare)) return std::string(*bare);
  if (is_bracketed(word) || ends_like_ipv4(word) || !is_host_name(word)) return wrong_host(word);
  return std::string(word);
}

std::optional<std::string> zone_error(std::string_view host) {
  const auto endpoint = parse_numeric_endpoint(host, 0);
  if (!endpoint || !lacks_zone(*endpoint)) return std::nullopt;
  return fmt::format("{} is link-local, another host on each link: write its interface too, as in {}",
                     quote_word(host), quote_word(fmt::format("{}%eth0", host)));
}

std::string zone_of(std::string_view host) {
  auto named = parse_numeric_endpoint(host, 0) ? std::nullopt : parse_named_zone(host);
  return named && named->address.is_link_local() ? std::move(named->zone) : std::string();
}

tl::expected<HostPort, std::string> parse_host_port(std::string_view word) {
  const SplitAddress split = split_address(word);
  if (!split.port) {
    return is_digits(word) ? mistake("{} has no host: write HOST:PORT", quote_word(word))
                           : without_port(word, "HOST:PORT", "[2001:db8::1]:1194");
  }
  auto host = parse_host(split.host);
  if (!host) return tl::make_unexpected(host.error());
  if (auto no_zone = zone_error(*host)) return tl::make_unexpected(std::move(*no_zone));
  const auto port = parse_port(*split.port);
  if (!port) return tl::make_unexpected(port.error());
  return HostPort{.host = std::move(*host), .port = *port};
}

tl::expected<std::vector<ListenAddress>, std::string> parse_listen_address(std::string_view word,
                                                                           std::uint16_t port) {
  if (word == "*") return std::vector{listen_on("0.0.0.0", port), listen_on("::", port, true)};
  if (lower_case(word) == "localhost") {
    return std::vector{listen_on("127.0.0.1", port), listen_on("::1", port, true)};
  }
  auto own =
      parse_own_address(word, port, "an IPv4 or IPv6 address of this host, 'localhost', or '*' for all");
  if (!own) return tl::make_unexpected(std::move(own.error()));
  if (own->zone.empty() && lacks_zone(own->endpoint)) {
    return mistake("{} is link-local, an address of each link: write its interface too, as in {}",
                   quote_word(word), quote_word(own->endpoint.address_string() + "%eth0"));
  }
  return std::vector{ListenAddress{.endpoint = own->endpoint, .zone = std::move(own->zone)}};
}

tl::expected<std::vector<ListenAddress>, std::string> parse_listen(std::string_view word,
                                                                   ListenDefault without_host) {
  const SplitAddress split = split_address(word);
  if (split.port) {
    const auto port = parse_port(*split.port);
    if (!port) return tl::make_unexpected(port.error());
    return parse_listen_address(split.host, *port);
  }
  if (is_digits(word)) {
    const auto port = parse_port(word);
    if (!port) return tl::make_unexpected(port.error());
    return parse_listen_address(without_host == ListenDefault::all ? "*" : "localhost", *port);
  }
  return without_port(word, "ADDRESS:PORT", "[::1]:3000");
}

tl::expected<BindAddress, std::string> parse_bind(std::string_view word) {
  const SplitAddress split = split_address(word);
  std::uint16_t port = 0;
  if (split.port) {
    const auto parsed = parse_port(*split.port);
    if (!parsed) return tl::make_unexpected(parsed.error());
    port = *parsed;
  }
  return parse_own_address(split.host, port,
                           "an IPv4 or IPv6 address of this host, and :PORT after it or nothing");
}

tl::expected<std::string, std::string> parse_interface(std::string_view word) {
  const auto allowed = [](char letter) {
    return letter > ' ' && letter <= '~' && letter != '/' && letter != ':';
  };
  const bool valid = !word.empty() && word.size() <= kMaxInterfaceBytes && word != "." && word != ".." &&
                     std::all_of(word.begin(), word.end(), allowed);
  if (valid) return std::string(word);
  return mistake(
      "{} is not the name of a network interface: write one of up to 15 characters that 'ip link' shows",
      quote_word(word));
}

bool overlap(const Endpoint& one, const Endpoint& other) {
  if (one.port != other.port || one.family != other.family) return false;
  return one == other || one.is_any() || other.is_any();
}

bool overlap(const ListenAddress& one, const ListenAddress& other) {
  return one.zone == other.zone && overlap(one.endpoint, other.endpoint);
}

bool leads_to(const HostPort& target, const ListenAddress& listen) {
  const Endpoint& here = listen.endpoint;
  if (target.port != here.port) return false;
  if (lower_case(target.host) == "localhost") return here.is_any() || here.is_loopback();
  if (const auto named = parse_named_zone(target.host))
    return named->zone == listen.zone && named->address.with_port(here.port) == here;
  const auto endpoint = parse_numeric_endpoint(target.host, target.port);
  if (!endpoint || !listen.zone.empty() || endpoint->family != here.family) return false;
  return *endpoint == here || (here.is_any() && endpoint->is_loopback());
}

std::optional<std::string> loop_error(const HostPort& target, const std::vector<ListenAddress>& listen,
                                      std::string_view what) {
  for (const ListenAddress& address : listen) {
    if (!leads_to(target, address)) continue;
    return fmt::format("{} {} is where this program itself listens: write the address of the other end", what,
                       to_string(target));
  }
  return std::nullopt;
}

std::string canonical_text(const HostPort& address) {
  if (const auto endpoint = parse_numeric_endpoint(address.host, address.port)) return endpoint->to_string();
  std::string host = lower_case(address.host);
  if (host.ends_with('.')) host.pop_back();
  return to_string(HostPort{.host = host, .port = address.port});
}

}  // namespace mptunnel
