// An rtnetlink socket: it hears of changes, and asks. What it is not: a reader of what the messages say, but
// for where an answer ends.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace mptunnel {

class NetlinkSocket {
 public:
  /// Opens, and hears of changes from then on that are in `groups`, bits RTMGRP_*. The error is a sentence
  /// for people.
  tl::expected<void, std::string> open(unsigned int groups);

  /// Lists have only what their request's header asks for, and one that asks for what the kernel can't look
  /// for is an error (NETLINK_GET_STRICT_CHK). A kernel before Linux 4.20 goes on listing all.
  void list_strictly();

  /// Sends a request, and gives it its number. What comes among the notifications then answers it, see
  /// answer_state(). Returns 0 or errno.
  int send(nlmsghdr& request);

  struct Received {
    std::span<const std::uint8_t> messages;  ///< one after the other; valid until the next receive()
    int error = 0;  ///< errno: EAGAIN if nothing is there, ENOBUFS if messages were lost
  };
  /// One datagram of the kernel. Never blocks.
  Received receive();

  /// What a message says of the request that was sent last.
  struct AnswerState {
    bool is_answer = false;
    bool has_ended = false;
    int error = 0;  ///< errno; EINTR if something changed meanwhile, so that a row of a list may be missing
    std::string said;  ///< the kernel's own words for the error, if it has some; printable
  };
  [[nodiscard]] AnswerState answer_state(std::span<const std::uint8_t> message) const;

  [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };

  std::unique_ptr<mnl_socket, Closer> socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t sequence_ = 0;
};

}  // namespace mptunnel
