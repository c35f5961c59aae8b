// An rtnetlink socket that hears of changes to links and addresses, and asks for lists of them.
// What it is not: a reader of what the messages say, but for where a list ends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

struct mnl_socket;

namespace mptunnel {

class NetlinkSocket {
 public:
  /// Opens, and hears of changes from then on. The error is a sentence for people.
  static tl::expected<NetlinkSocket, std::string> open();

  /// Asks for all links (RTM_GETLINK) or all addresses (RTM_GETADDR): they come among the notifications.
  /// Returns 0 or errno.
  int request_list(std::uint16_t type);

  struct Received {
    std::span<const std::uint8_t> messages;  ///< one after the other; valid until the next receive()
    int error = 0;  ///< errno: EAGAIN if nothing is there, ENOBUFS if messages were lost
  };
  /// One datagram of the kernel. Never blocks.
  Received receive();

  /// What a message says of the list that was asked for last.
  struct ListState {
    bool has_ended = false;
    int error = 0;  ///< errno; EINTR if something changed meanwhile, so that a row may be missing
  };
  [[nodiscard]] ListState list_state(std::span<const std::uint8_t> message) const;

  [[nodiscard]] int fd() const;

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const;
  };

  NetlinkSocket() = default;

  std::unique_ptr<mnl_socket, Closer> socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t sequence_ = 0;
};

}  // namespace mptunnel
