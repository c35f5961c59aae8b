// Commands to a running program over a UNIX datagram socket: the side that serves and the side that asks.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "mptunnel/base/time.h"
#include "support/common/sockets.h"

namespace mptunnel::test {

/// Serves commands at a path, which it removes at the end.
class ControlSocket {
 public:
  /// A socket that is already at `path` is replaced: a killed process leaves it behind.
  static tl::expected<ControlSocket, std::string> open(const std::string& path);
  ControlSocket(ControlSocket&& other) noexcept = default;
  ControlSocket& operator=(ControlSocket&& other) = delete;
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// What to answer; `can_answer` is false if the sender has no address and the answer will be dropped.
  using Answer = std::function<std::string(std::string_view text, bool can_answer)>;
  /// Takes each waiting datagram and sends back its answer.
  void serve(const Answer& answer);

 private:
  ControlSocket(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Fd fd_;
  std::string path_;
};

/// Sends `text` to the socket at `path` and waits for the answer.
tl::expected<std::string, std::string> ask_control_socket(const std::string& path, std::string_view text,
                                                          Duration timeout);

}  // namespace mptunnel::test
