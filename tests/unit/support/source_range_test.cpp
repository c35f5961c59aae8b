#include "support/probe/source_range.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

namespace mptunnel::test {
namespace {

const Endpoint kRemote = *resolve_endpoint("127.0.0.1:9");

/// The address in the message, as the kernel would read it.
std::string source_of(Peer& peer) {
  msghdr message{};
  message.msg_control = peer.local.bytes.data();
  message.msg_controllen = peer.local.length;
  const cmsghdr* item = CMSG_FIRSTHDR(&message);
  if (item == nullptr || item->cmsg_level != IPPROTO_IP || item->cmsg_type != IP_PKTINFO) return "none";
  in_pktinfo value{};
  std::memcpy(&value, CMSG_DATA(item), sizeof value);
  return inet_ntoa(value.ipi_spec_dst);
}

TEST(SourceRange, IsSpreadEvenlyOverTheNetwork) {
  auto peers = peers_with_sources("20.0.0.0/8", 256, kRemote);
  ASSERT_TRUE(peers);
  EXPECT_EQ(source_of((*peers)[0]), "20.0.0.0");
  EXPECT_EQ(source_of((*peers)[1]), "20.1.0.0");
  EXPECT_EQ(source_of((*peers)[255]), "20.255.0.0");
  EXPECT_EQ(to_endpoint((*peers)[7].remote), kRemote);
}

TEST(SourceRange, MayBeEachAddress) {
  auto peers = peers_with_sources("10.91.1.128/25", 128, kRemote);
  ASSERT_TRUE(peers);
  EXPECT_EQ(source_of(peers->back()), "10.91.1.255");
  EXPECT_EQ(peers_with_sources("10.0.0.1/32", 1, kRemote)->size(), 1U);
}

TEST(SourceRange, NamesWhatIsWrong) {
  for (const char* text : {"", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "::/8"})
    EXPECT_FALSE(peers_with_sources(text, 1, kRemote)) << text;
  EXPECT_FALSE(peers_with_sources("10.0.0.0/24", 257, kRemote));
  EXPECT_FALSE(peers_with_sources("10.0.0.0/24", 0, kRemote));
}

TEST(SourceRange, DatagramsLeaveFromThem) {
  const auto sink = open_bound(*resolve_endpoint("127.0.0.1:0"));
  const auto socket = open_bound(*resolve_endpoint("0.0.0.0:0"));
  ASSERT_TRUE(sink && socket);
  const auto peers = peers_with_sources("127.0.77.0/24", 3, local_endpoint(sink->get()));
  ASSERT_TRUE(peers);
  const std::vector<std::uint8_t> datagram{1, 2, 3};
  SendBatch out;
  for (const Peer& peer : *peers) out.add(socket->get(), datagram, &peer);
  out.flush();
  EXPECT_EQ(out.totals().sent, 3U);
  ReceiveBatch in;
  ASSERT_EQ(in.receive(sink->get()), 3U);
  const std::uint16_t port = local_endpoint(socket->get()).port;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto expected = resolve_endpoint(fmt::format("127.0.77.{}:{}", 85 * i, port));
    EXPECT_EQ(to_endpoint(in.peer(i).remote), *expected);
  }
}

}  // namespace
}  // namespace mptunnel::test
