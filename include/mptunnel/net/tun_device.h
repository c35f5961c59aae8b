// A TUN device: IP packets that the kernel routes to it are read, and what is written comes in by it. With
// offloads the kernel hands out and takes super-packets, which ip/segmenter.h cuts and ip/joiner.h makes.
// What it is not: a setter of addresses, MTU or routes (link_config.h, route_config.h), nor a queue: what the
// kernel does not take is lost, counted and reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/file.h"
#include "mptunnel/ip/vnet_header.h"

namespace mptunnel {

/// What the kernel leaves to whoever reads the device, each with all before it. The same goes for what may be
/// written, but that UDP is not joined without `udp`.
enum class TunOffload : std::uint8_t {
  none,      ///< nothing: packets come whole and finished, and there is no VnetHeader
  checksum,  ///< checksums; TCP is not cut
  tcp,       ///< TCP that is still to be cut (TSO)
  udp        ///< and UDP (USO, Linux 6.2)
};
/// For people: "TCP and UDP in super-packets".
std::string_view words_of(TunOffload offload);

struct TunOptions {
  std::string name;                   ///< 1 to 15 characters
  TunOffload most = TunOffload::udp;  ///< less if the kernel has less: see TunDevice::offload()
};

/// "" if a device may have this name, else what is wrong with it: 1 to 15 characters of printable ASCII,
/// without '/', ':' and '%', which mean something else to the kernel.
std::string_view why_no_device_name(std::string_view name);

struct TunPacket {
  VnetHeader header;
  Bytes bytes;  ///< whatever the kernel has handed out: not checked
};

/// Valid until the next read with the same buffer.
struct TunReadResult {
  std::span<TunPacket> packets;
  /// errno that ended the read, but for EAGAIN: EBADFD if the device was removed, and then it stays readable
  /// for ever. 0 if none.
  int error = 0;
  bool more = false;  ///< the buffer is full, or enough were read: the device may have more
};

/// Room for one read: shared by all devices of a loop. Small packets lie side by side.
class TunBuffer {
 public:
  static constexpr std::size_t kPackets = 128;
  static constexpr std::size_t kBytes = std::size_t{256} * 1024;

  TunBuffer();

 private:
  friend class TunDevice;
  std::unique_ptr<std::uint8_t[]> bytes_;  // NOLINT(*-avoid-c-arrays): not filled with zeroes
  std::vector<TunPacket> packets_;
};

/// Packets as they were read and written: a super-packet is one.
struct TunCounters {
  std::uint64_t read = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t read_errors = 0;  ///< but for EAGAIN; a packet that is longer than any may be, too
  std::uint64_t written = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t would_block = 0;   ///< not written: EAGAIN, too much waits (only if a TUNSETSNDBUF was made)
  std::uint64_t no_buffers = 0;    ///< not written: ENOBUFS or ENOMEM
  std::uint64_t invalid = 0;       ///< not written: EINVAL, no IP packet, or not what its header says
  std::uint64_t is_down = 0;       ///< not written: EIO, the device is not up
  std::uint64_t other_errors = 0;  ///< not written: any other errno
};

class TunDevice {
 public:
  /// Makes the device, or attaches to one that was made beforehand and has no reader. The error is a sentence
  /// for people. A device that it made goes with it.
  static tl::expected<TunDevice, std::string> open(const TunOptions& options);

  /// At most `max_packets`, until nothing is left or the buffer is full. Never blocks.
  TunReadResult read(TunBuffer& buffer, std::size_t max_packets = TunBuffer::kPackets);

  /// One packet, in pieces: `head`, and at most kMaxPieces behind it. Returns 0 or errno; never a part is
  /// written. Without offloads there is no header: one that asks for something is EINVAL.
  int write(const VnetHeader& header, ConstBytes head, std::span<const ConstBytes> pieces = {});
  int write(ConstBytes packet) { return write({}, packet); }
  static constexpr std::size_t kMaxPieces = 256;

  [[nodiscard]] int fd() const { return file_.get(); }  ///< to watch for packets to read
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  /// Whether it stays when this goes: it was made beforehand.
  [[nodiscard]] bool is_persistent() const { return is_persistent_; }
  [[nodiscard]] TunOffload offload() const { return offload_; }
  [[nodiscard]] const TunCounters& counters() const { return counters_; }

 private:
  TunDevice() = default;
  /// Reads one into `room`; its size, or the negative errno.
  std::int64_t read_one(Bytes room, VnetHeader& header);

  File file_;
  std::string name_;
  std::uint32_t index_ = 0;
  bool is_persistent_ = false;
  TunOffload offload_ = TunOffload::none;
  TunCounters counters_;
};

}  // namespace mptunnel
