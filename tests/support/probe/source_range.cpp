#include "support/probe/source_range.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace mptunnel::test {
namespace {

constexpr unsigned kAddressBits = 32;

/// IP_PKTINFO with the address that a datagram leaves from.
PacketInfo leave_from(std::uint32_t address) {
  PacketInfo info;
  info.length = CMSG_SPACE(sizeof(in_pktinfo));
  msghdr message{};
  message.msg_control = info.bytes.data();
  message.msg_controllen = info.length;
  cmsghdr* item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = IPPROTO_IP;
  item->cmsg_type = IP_PKTINFO;
  item->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo value{};
  value.ipi_spec_dst.s_addr = htonl(address);
  std::memcpy(CMSG_DATA(item), &value, sizeof value);
  return info;
}

}  // namespace

tl::expected<std::vector<Peer>, std::string> peers_with_sources(std::string_view network, std::size_t count,
                                                                const Endpoint& remote) {
  const std::size_t slash = network.find('/');
  unsigned bits = kAddressBits + 1;
  if (slash != std::string_view::npos) {
    const char* const end = network.data() + network.size();
    const auto [rest, error] = std::from_chars(network.data() + slash + 1, end, bits);
    if (error != std::errc{} || rest != end) bits = kAddressBits + 1;
  }
  in_addr first{};
  if (bits > kAddressBits || inet_pton(AF_INET, std::string(network.substr(0, slash)).c_str(), &first) != 1)
    return tl::unexpected(fmt::format("'{}' is no network of IPv4, as 10.0.0.0/8", network));
  const std::uint64_t size = std::uint64_t{1} << (kAddressBits - bits);
  if (count == 0 || count > size)
    return tl::unexpected(fmt::format("{} has {} addresses, and not {}", network, size, count));
  std::vector<Peer> peers(count);
  for (std::size_t i = 0; i < count; ++i) {
    peers[i].remote = to_socket_address(remote);
    peers[i].local = leave_from(ntohl(first.s_addr) + static_cast<std::uint32_t>(i * (size / count)));
  }
  return peers;
}

}  // namespace mptunnel::test
