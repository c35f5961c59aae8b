// Datagrams in and out of a UDP socket in batches (recvmmsg, sendmmsg), without a copy on the way.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "support/common/sockets.h"

namespace mptunnel::test {

/// Datagrams moved by one system call, at most.
inline constexpr std::size_t kBatch = 64;
/// A UDP payload can't be larger: its length field counts the 8 bytes of the header, too (RFC 768).
inline constexpr std::size_t kMaxDatagramBytes = 65527;

/// Room for one IP_PKTINFO or IPV6_PKTINFO message.
struct alignas(cmsghdr) PacketInfo {
  std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes{};
  std::size_t length = 0;  ///< 0: the socket reported none
};

/// The far end of an unconnected socket, and the local address that it talks to.
struct Peer {
  SocketAddress remote;
  PacketInfo local;
};

/// The datagrams of one recvmmsg call. They stay valid, and may be written to, until the next receive().
class ReceiveBatch {
 public:
  ReceiveBatch();

  /// Takes what is there, without waiting. 0 if nothing is; an error that the network caused (a refused
  /// datagram) is counted, not returned.
  std::size_t receive(int fd);

  [[nodiscard]] Bytes datagram(std::size_t index) {
    return Bytes(storage_).subspan(index * kMaxDatagramBytes, messages_[index].msg_len);
  }
  [[nodiscard]] const Peer& peer(std::size_t index) const { return peers_[index]; }
  /// ICMP errors seen by receive() so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  void prepare();

  std::vector<std::uint8_t> storage_;
  std::array<Peer, kBatch> peers_;
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> messages_{};
  std::uint64_t refused_ = 0;
};

/// What a SendBatch has done so far.
struct SendTotals {
  std::uint64_t sent = 0;        ///< datagrams that the kernel took
  std::uint64_t sent_bytes = 0;  ///< their payload
  std::uint64_t failed = 0;      ///< datagrams that it did not take
  std::uint64_t refused =
      0;  ///< ICMP errors of earlier datagrams that sending ran into; the datagram was tried again
};

/// Collects datagrams for one socket and hands them to the kernel together. Nothing leaves before the caller
/// flushes.
class SendBatch {
 public:
  /// Told what became of a datagram, with the mark that it was added with.
  using Observer = std::function<void(ConstBytes datagram, bool mark, bool taken)>;

  void set_observer(Observer observer) { observer_ = std::move(observer); }
  /// `datagram` and `peer` must stay as they are until the flush. `peer` is null for a connected socket. A
  /// full batch, or another socket than the one before, flushes first.
  void add(int fd, ConstBytes datagram, const Peer* peer, bool mark = false);
  /// The same for a datagram that the batch shall own until the flush.
  void add_owned(int fd, std::vector<std::uint8_t> datagram, const Peer* peer, bool mark = false);
  void flush();

  [[nodiscard]] const SendTotals& totals() const { return totals_; }

 private:
  void count_sent(std::size_t index);
  void count_failed(std::size_t index);
  void observe(std::size_t index, bool taken) const;

  int fd_ = -1;
  std::size_t count_ = 0;
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> messages_{};
  std::array<bool, kBatch> marks_{};
  std::vector<std::vector<std::uint8_t>> owned_;
  Observer observer_;
  SendTotals totals_;
};

}  // namespace mptunnel::test
