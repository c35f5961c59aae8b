// Which socket a client's packets leave by at mpserver. The kernel charges what waits in the machine to the
// socket it came from, so behind one socket a client with a slow line would take the room of all.
//
//     shared: the listen socket      nobody's packets stand there; while some do, who sends is written down
//        |            ^
//        | they stand | 10 s without
//        v            |
//     own: a socket of the path      its packets wait for themselves alone, 100 ms at most (SendQueue)
//
// What it is not: a judge. Whoever sent while packets stood is moved; on its own socket it shows whether they
// were its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/send_queue.h"

namespace mptunnel {

/// Own sockets of all clients together. Once they are taken, whoever else is moved shares one of them.
inline constexpr std::size_t kOwnSendSockets = 64;
/// How many of those that sent most are moved at once.
inline constexpr std::size_t kMovedAtOnce = 8;
/// Paths that are moved at a time, of all clients together.
inline constexpr std::size_t kMovedPaths = 4096;

/// A socket to send by, and what waits behind it.
struct Outlet {
  DatagramSocket* socket = nullptr;
  SendQueue queue;
};

class SendSockets {
 public:
  /// Whether the session is still there, and has the path.
  using HasPath = std::function<bool(SessionHandle, PathId)>;

  /// `listeners` outlives this.
  SendSockets(ListenSockets& listeners, HasPath has_path)
      : listeners_(listeners), has_path_(std::move(has_path)) {}

  /// Null if no socket has the address that packets of this route leave from. Valid until settle().
  Outlet* find(SessionHandle session, PathId path, const Route& route);
  /// So many bytes with datagrams go out by `outlet` for the path.
  void note(const Outlet& outlet, SessionHandle session, PathId path, std::size_t bytes);
  /// After the sends of an output: moves those that have to be.
  void settle(TimePoint now);

  [[nodiscard]] std::size_t own_sockets() const { return own_.size(); }
  /// Those of ended sessions are among them for a second at most.
  [[nodiscard]] std::size_t moved_paths() const { return moved_.size(); }

 private:
  using Key = std::uint64_t;  ///< session and path
  struct Shared : Outlet {
    bool is_watched = false;                       ///< packets stand
    TimePoint since{};                             ///< from when on the rest counts
    std::size_t least = 0;                         ///< bytes that stood all the time
    std::unordered_map<Key, std::size_t> senders;  ///< bytes
  };
  struct Own : Outlet {
    const DatagramSocket* instead_of = nullptr;
    SocketFactory::Socket opened;
    TimePoint since{};
  };

  static Key key_of(SessionHandle session, PathId path) { return Key{session.value} << 8U | path.value; }
  [[nodiscard]] bool has_path(Key key) const {
    return has_path_(SessionHandle{static_cast<std::uint32_t>(key >> 8U)},
                     PathId{static_cast<std::uint8_t>(key)});
  }
  /// Listen sockets were closed: none of those that are remembered can be relied on.
  void forget();
  void watch(Shared& shared, TimePoint now);
  [[nodiscard]] static bool is_jammed(const Shared& shared);
  void move_senders(Shared& shared, TimePoint now);
  Own* own_outlet(const Shared& shared, Key key, TimePoint now);
  void release(TimePoint now);

  ListenSockets& listeners_;
  HasPath has_path_;
  std::uint64_t closings_ = 0;  ///< of `listeners_`, when it was asked last
  std::vector<std::unique_ptr<Shared>> shared_;
  std::vector<std::unique_ptr<Own>> own_;
  std::unordered_map<Key, Own*> moved_;  ///< at most kMovedPaths
  TimePoint next_release_{};
};

}  // namespace mptunnel
