// A UNIX stream socket at a path of the file system, by which a running program is asked: one line in, one
// answer out, and the connection ends. What it is not: an interpreter of requests; the handler is.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/time.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

/// The longest request, without its newline.
inline constexpr std::size_t kMaxControlRequestBytes = 256;
/// Connections that are served at a time; further ones wait in the kernel's queue until one of these ends.
inline constexpr std::size_t kMaxControlConnections = 16;
/// How long one connection may take, from the first to the last byte.
inline constexpr Duration kControlConnectionLife = std::chrono::seconds(2);
/// A longer answer is not believed by ask_control(). The JSON of 1024 clients with 32 paths has 18 to 30 MB.
inline constexpr std::size_t kMaxControlAnswerBytes = std::size_t{64} << 20U;

/// The file's mode, 0600, decides which users may connect: the same user, and root.
class ControlServer {
 public:
  /// Gets a request without its newline and returns the whole answer. Runs on the loop.
  using Handler = std::function<std::string(std::string_view request)>;

  ControlServer(Loop& loop, Handler handler);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  /// Ends all connections and removes the socket's file, unless another one stands in its place by now.
  ~ControlServer();

  /// To be called once. Makes the folder of `path` (mode 0755) if only that one is missing, and takes the
  /// place of a socket that nobody listens on any more. `path` may be relative to the current folder, which
  /// may change later. The error is for people: a running instance has the socket, something else has that
  /// name (which is left alone), the path is too long for a socket, or the system's reason.
  tl::expected<void, std::string> open(const std::string& path);

 private:
  struct Connection;
  using Place = std::list<std::unique_ptr<Connection>>::iterator;

  void on_connect();
  void on_request(Place place);
  void answer(Place place, const std::string& text);
  void on_writable(Place place);
  void end(Place place);

  Loop& loop_;
  Handler handler_;
  std::string path_;  ///< absolute
  int fd_ = -1;
  dev_t device_ = 0;  ///< of the socket's file, as inode_
  ino_t inode_ = 0;
  std::unique_ptr<ReadWatcher> watcher_;
  Timer retry_;  ///< watches again, after the system had no room for another descriptor
  std::list<std::unique_ptr<Connection>> connections_;
};

/// What stands at a path.
enum class ControlSocketState : std::uint8_t {
  missing,
  alive,     ///< somebody listens
  stale,     ///< a socket that nobody listens on
  foreign,   ///< no stream socket: a file, a folder, a socket of another kind
  unusable,  ///< too long a path, or the system does not let us look
};
ControlSocketState control_socket_state(const std::string& path);

/// Sends one line and returns the whole answer. Blocks, for at most about `timeout`. The error is for people.
tl::expected<std::string, std::string> ask_control(const std::string& path, std::string_view request,
                                                   Duration timeout);

}  // namespace mptunnel
