// A UNIX stream socket at a path of the file system, by which a running program is asked: one line in, one
// answer out, and the connection ends. What it is not: an interpreter of requests; the handler is.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/file.h"
#include "mptunnel/base/time.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

/// The longest request, without its newline.
inline constexpr std::size_t kMaxControlRequestBytes = 256;
/// Connections that are served at a time. For a further one, one of these ends: yielding_claim().
inline constexpr std::size_t kMaxControlConnections = 16;
/// How long a connection may take until its request is there. Those who ask do so at once.
inline constexpr Duration kControlRequestPatience = std::chrono::milliseconds(500);
/// How long it may take from the first to the last byte.
inline constexpr Duration kControlConnectionLife = std::chrono::seconds(2);
/// A longer answer is not believed by ask_control(). The JSON of 1024 clients with 32 paths has 18 to 30 MB.
inline constexpr std::size_t kMaxControlAnswerBytes = std::size_t{64} << 20U;

/// A connection, as far as it matters for who has to go for a new one.
struct ControlClaim {
  uid_t uid = 0;           ///< who asks (SO_PEERCRED)
  bool has_asked = false;  ///< its request is there
  TimePoint since{};       ///< when it last got on: accepted, or since it has asked, read some of its answer
};
/// Which of `claims` ends for a new connection of `newcomer`: of the user who holds most of them then, one
/// that has not asked yet, else one that has; of these, the one that has not got on for longest. `claims` is
/// not empty.
std::size_t yielding_claim(std::span<const ControlClaim> claims, uid_t newcomer);

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
  void make_room(uid_t newcomer);
  void on_request(Place place);
  void answer(Place place, const std::string& text);
  void on_writable(Place place);
  void end(Place place);

  Loop& loop_;
  Handler handler_;
  std::string path_;  ///< absolute
  File listener_;
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

/// Why `asker` should not believe what is at `path`: the socket or its folder belongs neither to that user
/// nor to root, or others may put files in the folder (as root: also its group). nullopt if nothing speaks
/// against it, or nothing is there.
std::optional<std::string> distrust_of_place(const std::string& path, uid_t asker);
/// The same of what a socket is connected to: of the user who runs what listens there.
std::optional<std::string> distrust_of_peer(int fd, uid_t asker);

struct ControlAsker {
  uid_t uid = geteuid();
  /// The user gave the very path, and does not want what was found there. Root may ask any socket then: its
  /// owner can lie, but neither write to the terminal (printable()) nor take more than `timeout` and
  /// kMaxControlAnswerBytes.
  bool named = false;
};

/// Sends one line and returns the whole answer, if the place and the peer can be trusted: anybody can listen
/// somewhere. The answer may have any bytes. Blocks, for at most about `timeout`. The error is for people.
tl::expected<std::string, std::string> ask_control(const std::string& path, std::string_view request,
                                                   Duration timeout, const ControlAsker& asker = {});

}  // namespace mptunnel
