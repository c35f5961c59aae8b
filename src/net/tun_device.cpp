#include "mptunnel/net/tun_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "mptunnel/base/assert.h"
#include "mptunnel/ip/joiner.h"
#include "mptunnel/ip/limits.h"
#include "mptunnel/net/interfaces.h"

namespace mptunnel {
namespace {

constexpr const char* kTunPath = "/dev/net/tun";
/// TUN_F_USO4 and TUN_F_USO6, which headers before Linux 6.2 have not.
constexpr unsigned int kUsoBits = 0x20 | 0x40;

/// One byte more than a packet may have: whoever fills it was cut off.
constexpr std::size_t kRoomBytes = kMaxIpPacketBytes + 1;
static_assert(TunBuffer::kBytes >= kRoomBytes);
static_assert(TunDevice::kMaxPieces >= kMaxJoinedTcp && TunDevice::kMaxPieces >= kMaxSegments);

unsigned int bits_of(TunOffload offload) {
  switch (offload) {
    case TunOffload::none:
      return 0;
    case TunOffload::checksum:
      return TUN_F_CSUM;
    case TunOffload::tcp:
      return TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    case TunOffload::udp:
      return TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | kUsoBits;
  }
  return 0;
}

std::string why_no_tun(int error) {
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    return fmt::format(
        "there is no {}: load the kernel's module with 'modprobe tun', or give the container this device",
        kTunPath);
  }
  if (error == EACCES || error == EPERM) return fmt::format("no permission to open {}", kTunPath);
  return fmt::format("{} can't be opened: {}", kTunPath, std::strerror(error));
}

std::string why_not_attached(int error, const std::string& name) {
  switch (error) {
    case EPERM:
      return fmt::format(
          "the device {} needs the capability CAP_NET_ADMIN, or to be made beforehand: "
          "'ip tuntap add {} mode tun user USER', and 'tun-name {}'",
          name, name, name);
    case EBUSY:
      return fmt::format("the device {} is in use by another process", name);
    case EINVAL:
      return fmt::format(
          "there is an interface {} already that is no TUN device of one queue: see 'ip -d link show {}'",
          name, name);
    default:
      return fmt::format("the device {} can't be used: {}", name, std::strerror(error));
  }
}

/// Sets the most that the kernel takes of what is wanted.
TunOffload set_offload(int fd, TunOffload wanted) {
  for (const TunOffload offload : {TunOffload::udp, TunOffload::tcp, TunOffload::checksum}) {
    if (offload <= wanted && ioctl(fd, TUNSETOFFLOAD, bits_of(offload)) == 0) return offload;
  }
  // Not left as a former reader set it.
  static_cast<void>(ioctl(fd, TUNSETOFFLOAD, 0U));
  return TunOffload::none;
}

ifreq request_for(const std::string& name, int flags) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(flags);
  return request;
}

}  // namespace

std::string_view words_of(TunOffload offload) {
  switch (offload) {
    case TunOffload::none:
      return "no offloads";
    case TunOffload::checksum:
      return "checksums";
    case TunOffload::tcp:
      return "TCP in super-packets";
    case TunOffload::udp:
      return "TCP and UDP in super-packets";
  }
  return "";
}

std::string_view why_no_device_name(std::string_view name) {
  if (name.empty()) return "a device needs a name";
  if (name.size() >= IFNAMSIZ) return "the name of a device has at most 15 characters";
  if (name == "." || name == "..") return "this is no name for a device";
  const bool usable = std::all_of(name.begin(), name.end(), [](char letter) {
    return letter > ' ' && letter <= '~' && letter != '/' && letter != ':' && letter != '%';
  });
  return usable ? "" : "the name of a device has letters, digits and signs other than '/', ':' and '%'";
}

TunBuffer::TunBuffer() : bytes_(new std::uint8_t[kBytes]) {
  packets_.reserve(kPackets);
}

tl::expected<TunDevice, std::string> TunDevice::open(const TunOptions& options) {
  if (const auto wrong = why_no_device_name(options.name); !wrong.empty())
    return tl::make_unexpected(std::string(wrong));
  TunDevice device;
  device.file_ = File(::open(kTunPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!device.file_.is_open()) return tl::make_unexpected(why_no_tun(errno));
  const int fd = device.fd();
  unsigned int features = 0;
  const bool has_header = options.most != TunOffload::none && ioctl(fd, TUNGETFEATURES, &features) == 0 &&
                          (features & IFF_VNET_HDR) != 0;
  ifreq request = request_for(options.name, IFF_TUN | IFF_NO_PI | (has_header ? IFF_VNET_HDR : 0));
  if (ioctl(fd, TUNSETIFF, &request) != 0) return tl::make_unexpected(why_not_attached(errno, options.name));
  device.name_ = std::string(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ));
  device.offload_ = set_offload(fd, has_header ? options.most : TunOffload::none);
  if (has_header) {
    // Made beforehand, the device may have been a virtual machine's, which has longer headers.
    const int header_bytes = kVnetHeaderBytes;
    const bool is_set = ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) == 0;
    if (!is_set || device.offload_ == TunOffload::none) {
      TunOptions plain = options;
      plain.most = TunOffload::none;
      // The device has one reader at a time.
      device.file_ = File();
      return open(plain);
    }
  }
  ifreq state{};
  device.is_persistent_ = ioctl(fd, TUNGETIFF, &state) == 0 && (state.ifr_flags & IFF_PERSIST) != 0;
  device.index_ = interface_number(device.name_);
  if (device.index_ == 0)
    return tl::make_unexpected(fmt::format("the device {} is gone again", device.name_));
  return device;
}

std::int64_t TunDevice::read_one(Bytes room, VnetHeader& header) {
  std::array<std::uint8_t, kVnetHeaderBytes> head{};
  const std::size_t head_bytes = offload_ == TunOffload::none ? 0 : head.size();
  std::array<iovec, 2> pieces{iovec{head.data(), head_bytes}, iovec{room.data(), room.size()}};
  const ssize_t count = readv(fd(), pieces.data(), static_cast<int>(pieces.size()));
  if (count < 0) return -errno;
  if (static_cast<std::size_t>(count) < head_bytes) return -EPROTO;
  header = read_vnet_header(head);
  return count - static_cast<ssize_t>(head_bytes);
}

TunReadResult TunDevice::read(TunBuffer& buffer, std::size_t max_packets) {
  TunReadResult result;
  buffer.packets_.clear();
  max_packets = std::min(max_packets, TunBuffer::kPackets);
  std::size_t used = 0;
  // What is refused counts, too, so that no device holds the loop.
  for (std::size_t tries = 0;; ++tries) {
    result.more = tries == max_packets || used + kRoomBytes > TunBuffer::kBytes;
    if (result.more) break;
    TunPacket packet;
    const Bytes room(buffer.bytes_.get() + used, kRoomBytes);
    const std::int64_t count = read_one(room, packet.header);
    if (count == -EAGAIN) break;
    if (count < 0) {
      ++counters_.read_errors;
      result.error = static_cast<int>(-count);
      break;
    }
    const auto size = static_cast<std::size_t>(count);
    if (size == kRoomBytes) {
      ++counters_.read_errors;
      continue;
    }
    packet.bytes = room.first(size);
    used += size;
    ++counters_.read;
    counters_.read_bytes += size;
    buffer.packets_.push_back(packet);
  }
  result.packets = buffer.packets_;
  return result;
}

int TunDevice::write(const VnetHeader& header, ConstBytes head, std::span<const ConstBytes> pieces) {
  MPT_ASSERT(pieces.size() <= kMaxPieces);
  std::array<iovec, kMaxPieces + 2> vectors;
  const std::array<std::uint8_t, kVnetHeaderBytes> header_bytes = bytes_of(header);
  std::size_t count = 0;
  std::size_t size = 0;
  const auto add = [&](ConstBytes piece) {
    vectors[count++] = iovec{const_cast<std::uint8_t*>(piece.data()), piece.size()};
    size += piece.size();
  };
  const bool has_header = offload_ != TunOffload::none;
  if (has_header) add(header_bytes);
  add(head);
  for (const ConstBytes piece : pieces) add(piece);
  int error = 0;
  if (!has_header && header != VnetHeader{}) {
    error = EINVAL;
  } else if (const ssize_t written = writev(fd(), vectors.data(), static_cast<int>(count)); written < 0) {
    error = errno;
  } else if (static_cast<std::size_t>(written) != size) {
    error = EPROTO;
  }
  switch (error) {
    case 0:
      ++counters_.written;
      counters_.written_bytes += size - (has_header ? header_bytes.size() : 0);
      break;
    case EAGAIN:
      ++counters_.would_block;
      break;
    case ENOBUFS:
    case ENOMEM:
      ++counters_.no_buffers;
      break;
    case EINVAL:
      ++counters_.invalid;
      break;
    case EIO:
      ++counters_.is_down;
      break;
    default:
      ++counters_.other_errors;
      break;
  }
  return error;
}

}  // namespace mptunnel
