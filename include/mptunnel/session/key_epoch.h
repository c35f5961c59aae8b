// One key epoch of a session: its keys, its packet numbers, what was received under it, how much it was used.
// What it is not: a session, or what is counted of one. Which epoch seals, and when a new one is made, is
// decided by its owner.
//
// Security: a number is used once under a key; nothing is inserted, counted or believed before its tag has
// verified.
#pragma once

#include <tl/expected.hpp>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/session/received_set.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

namespace test {
struct KeyWear;  // brings a key to its limits: tests/support/key_wear.h
}

class KeyEpoch {
 public:
  /// `local` is what the peer calls this epoch by, `remote` what we call it by towards the peer.
  /// `peer_frames` as HandshakePayload::frames.
  KeyEpoch(SessionIndex local, SessionIndex remote, TrafficKeys keys, std::uint64_t peer_frames,
           TimePoint created);

  [[nodiscard]] SessionIndex local_index() const { return local_; }
  [[nodiscard]] SessionIndex remote_index() const { return remote_; }
  [[nodiscard]] Cipher cipher() const { return keys_.cipher; }
  [[nodiscard]] bool is_clear() const { return keys_.cipher == Cipher::none; }
  [[nodiscard]] TimePoint created() const { return created_; }
  [[nodiscard]] bool peer_knows(FrameType type) const { return (peer_frames_ & frame_bit(type)) != 0; }

  /// Bytes that a DATA packet has besides its frames: 24 sealed, 16 clear.
  [[nodiscard]] std::size_t data_overhead() const {
    return kHeaderBytes + (is_clear() ? kClearCheckBytes : kTagBytes);
  }
  static constexpr std::size_t kControlOverhead = kHeaderBytes + kTagBytes;

  /// Writes one DATA packet with the frame bytes `head` and `body` to `out`, which is data_overhead() larger
  /// than both together. Clear packets carry one DATAGRAM frame: `head` is its prefix. Errors: key_expired,
  /// number_limit; then `out` is not written.
  tl::expected<void, Drop> seal_data(ConstBytes head, ConstBytes body, Bytes out, TimePoint now);
  /// The same for one CONTROL packet, always sealed, kControlOverhead larger than its frames.
  tl::expected<void, Drop> seal_control(ConstBytes head, ConstBytes body, Bytes out, TimePoint now);

  /// Opens a DATA packet in place and returns its frames. A number that was seen is not decrypted.
  /// Errors: truncated, copy, open_failed, number_limit, key_expired, clear_check, clear_reach; of a sealed
  /// packet that is genuine, what `refuse` says of its frames: then its number does not count as seen.
  using Refuse = std::optional<Drop> (*)(ConstBytes frames);
  tl::expected<Bytes, Drop> open_data(const PacketHeader& header, Bytes packet, TimePoint now,
                                      Refuse refuse = nullptr);
  /// Opens a CONTROL packet in place and returns its frames. Errors as above, without the clear ones.
  tl::expected<Bytes, Drop> open_control(const PacketHeader& header, Bytes packet, TimePoint now);
  /// Whether the peer made this packet, seen before or not: its tag, or the check of a clear packet. Changes
  /// no state; a sealed packet is decrypted in place, so it can't be opened afterwards.
  bool verifies(const PacketHeader& header, Bytes packet);

  /// Whether the number is above all that were opened or announced. Only such a packet shows that the peer is
  /// alive: any other may have been held back on its way.
  [[nodiscard]] bool is_news(const PacketHeader& header) const {
    const Usage& usage = header.type == PacketType::data ? data_receive_ : control_receive_;
    return header.number.value >= usage.packets;
  }

  [[nodiscard]] std::uint32_t data_sealed() const { return data_send_.packets; }
  /// The number of the next CONTROL packet.
  [[nodiscard]] std::uint32_t control_sealed() const { return control_send_.packets; }
  /// A DATA packet of the peer was recovered: its number counts as seen. False if it was seen before, or is
  /// out of reach.
  bool recover_data(PacketNumber number, TimePoint now) { return data_seen_.insert(number, now); }
  [[nodiscard]] const ReceivedSet& data_received() const { return data_seen_; }
  /// Blocks of numbers of either type that the quota or the budget closed early, or refused. What came of
  /// them afterwards was dropped as a copy though it was none: this says how often that may have been.
  [[nodiscard]] std::uint64_t forced_closings() const { return data_seen_.forced() + control_seen_.forced(); }

  /// Time, packets or blocks in either direction ask for a new epoch.
  [[nodiscard]] bool wants_rekey(TimePoint now) const;
  /// When wants_rekey() comes true by time alone.
  [[nodiscard]] TimePoint rekey_time() const { return created_ + kRekeyAfter; }
  /// Whether it may still seal and open.
  [[nodiscard]] bool is_usable(TimePoint now) const;
  /// The received sets count against `budget`, which outlives the epoch, from now on. At most once.
  void share(ReceivedBudget& budget) {
    data_seen_.share(budget);
    control_seen_.share(budget);
  }
  /// Closes blocks of the received sets that were left behind: ReceivedSet::age().
  void age(TimePoint now);

  /// Whether a packet with this number came already.
  [[nodiscard]] bool is_seen(const PacketHeader& header) const {
    return (header.type == PacketType::data ? data_seen_ : control_seen_).contains(header.number);
  }

  /// The peer said in a sealed packet that it has sealed this many DATA packets.
  void announce_data(std::uint32_t sealed);

 private:
  friend struct test::KeyWear;

  /// How much one key was used.
  struct Usage {
    std::uint32_t packets = 0;  ///< sealed by this end; of the peer: the highest number opened + 1
    std::uint64_t blocks = 0;   ///< of 16 bytes, sealed or opened
    [[nodiscard]] bool wants_rekey() const {
      return packets >= kRekeyAfterPackets || blocks >= kRekeyAfterBlocks;
    }
    [[nodiscard]] bool is_spent() const {
      return packets >= kRejectAfterPackets || blocks >= kRejectAfterBlocks;
    }
    void opened(PacketNumber number, std::size_t bytes);
    void sealed(std::size_t bytes);
  };

  tl::expected<Bytes, Drop> open_clear(const PacketHeader& header, Bytes packet, TimePoint now);
  static tl::expected<Bytes, Drop> open_sealed(Aead& key, Usage& usage, ReceivedSet& seen,
                                               const PacketHeader& header, Bytes packet, TimePoint now,
                                               Refuse refuse = nullptr);

  SessionIndex local_;
  SessionIndex remote_;
  TrafficKeys keys_;
  std::uint64_t peer_frames_;
  TimePoint created_;
  Usage data_send_;
  Usage data_receive_;
  Usage control_send_;
  Usage control_receive_;
  ReceivedSet data_seen_;
  ReceivedSet control_seen_;
  std::uint32_t announced_ = 0;  ///< DATA that the peer has sealed, as it said in a sealed packet
};

}  // namespace mptunnel
