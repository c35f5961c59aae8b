// The packets of the device for IP packets: what the kernel hands out goes to the engine, cut into packets
// that the tunnel carries; what the engine delivers goes to the kernel, joined into super-packets. What sets
// the device up is ports/tun_interface.h.
//
//     device --> cut, checked, SYNs clamped --> take(): packets of one flow and size, side by side
//     device <-- joined <-- deliver(), flush()
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/drop.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/inner_flow.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/joiner.h"
#include "mptunnel/ip/segmenter.h"
#include "mptunnel/net/tun_device.h"
#include "mptunnel/session/token_bucket.h"

namespace mptunnel {

class TunPort {
 public:
  struct Settings {
    bool copies_dscp = true;  ///< the packets of the tunnel get the DSCP of those that they carry
    bool clamps_mss = true;
    std::uint64_t seed = 0;  ///< random: nobody can aim for a flow's bucket
  };

  /// `device` outlives the object.
  TunPort(std::optional<TunDevice>& device, const Settings& settings)
      : device_(device), settings_(settings) {}

  /// The device was opened, or opened anew.
  void on_open();

  /// What fits the paths whole, by which SYNs are clamped; nullopt: not known.
  void set_fitting(std::optional<std::size_t> bytes) { fitting_ = bytes; }
  /// Whether senders are to be told, by ICMP, of packets that do not fit: where the device's MTU can't be
  /// set, nobody else does. Such packets pass all the same.
  void set_answering(bool answers) { is_answering_ = answers; }

  /// The packets are all of one flow; valid during the call.
  using Take = std::function<void(DatagramBatch packets, const InnerFlow& flow)>;
  /// Reads a wake-up's share. Returns the errno that says that the device is gone, or 0.
  int read(const Take& take, TimePoint now);

  /// Packets for the device, valid until flush().
  void deliver(ConstBytes packet);
  /// Writes what was delivered.
  void flush();
  [[nodiscard]] const DropCounters& drops() const { return drops_; }

 private:
  /// What one wake-up takes of the device: packets as they are cut.
  static constexpr std::size_t kPackets = 512;

  /// Returns how many packets it was.
  std::size_t read_one(TunPacket& packet, const Take& take, TimePoint now);
  /// The segments side by side.
  DatagramBatch cut(Segmenter& segmenter);
  void answer(const IpPacket& packet, TimePoint now);
  void write(const JoinedPacket& packet);

  std::optional<TunDevice>& device_;
  Settings settings_;
  TunBuffer buffer_;
  std::vector<std::uint8_t> cut_;
  std::optional<std::size_t> fitting_;
  bool is_answering_ = false;
  /// RFC 4443, section 2.4(f) wants a limit, and this is its example.
  TokenBucket answers_{10, 10};
  std::optional<Joiner> joiner_;  ///< if the device takes super-packets
  DropCounters drops_;
};

}  // namespace mptunnel
