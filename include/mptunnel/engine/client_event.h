// What mpclient's engine reports: see event.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/wire/close_reason.h"
#include "mptunnel/wire/handshake.h"
#include "mptunnel/wire/inner_frames.h"

namespace mptunnel {

/// The server has confirmed a key.
struct SessionStarted {
  Cipher cipher{};
  bool resumed = false;  ///< the session is the one before, with a new key
};

/// All paths are down, or held (see TunnelProof); the session is kept, and handshakes go on beside it. Again,
/// ever more seldom, while it lasts: see OutageWatch.
struct SessionLost {
  Duration lasts{};      ///< for how long no path has carried data; zero the first time
  std::size_t held = 0;  ///< paths that answer, and are held
};

/// Data can flow again after SessionLost or SessionEnded: there is a session, and has been for a moment.
struct TrafficResumed {
  Duration after{};       ///< from when nothing answered any more until the first answer
  std::size_t paths = 0;  ///< that are up; 0: paths that pass one way alone carry it
};

/// The server closed the session; handshakes begin.
struct SessionEnded {
  CloseReason reason{};
};

/// The server makes no session: it answered a handshake with a refusal, or closed the session before it
/// began. Once until a session starts.
struct SessionRefused {
  std::variant<Refusal, CloseReason> why;
};

/// Handshakes without a session have gone unanswered for 3 s; and again after 30 s, 60 s, ... until one
/// starts.
struct NoAnswer {
  /// Why the server closed the session before, if it was not because its program ended: it goes on running,
  /// and does not answer because of that.
  std::optional<CloseReason> closed_for;
  bool had_session = false;  ///< of this process, so the keys are right
  Duration lasts{};          ///< so far; zero when it is said for the first time
};

struct PathChanged {
  PathId path;
  PathState was{};
  PathState state{};
  Duration rtt{};            ///< the latest; zero before the first answer
  Duration silent{};         ///< for how long PINGs have gone unanswered, or had until this answer
  std::uint32_t probes = 0;  ///< PINGs in that time
};

/// A path whose PINGs are not answered passes in one direction all the same, and is used in that one.
struct PathOneWay {
  PathId path;
  bool out = false;  ///< from us to mpserver; else from there to us
};

/// A backup path stops or begins to carry data.
struct PathStandby {
  PathId path;
  bool standby = false;  ///< it stops
};

/// Which way packets go, as the end that says so sees it.
enum class Direction : std::uint8_t { out, in };

/// A path that is up loses more than half of its packets, or does so no longer.
struct PathLossy {
  PathId path;
  Direction direction{};
  double share = 0;  ///< of the packets of the last kLossWindow, 0 to 1
  bool over = false;
};

/// A path is given more than its line takes, for kOverloadWindow: copies do not leave, because this machine's
/// queue is long. Or it takes all again.
struct PathOverloaded {
  PathId path;
  double share = 0;            ///< of the packets that did not leave, 0 to 1
  std::uint64_t rate_bps = 0;  ///< that the line took
  bool over = false;
};

/// Packets with this DSCP vanish on the path, while others pass: they leave there without it. Or they pass
/// again.
struct PathMark {
  PathId path;
  std::uint8_t dscp = 0;
  bool passes = false;
};

/// What is sent on the path comes back in from the application; the path is shut.
struct PathLooped {
  PathId path;
};

/// The path leads over a tunnel that is not the one that runs through this program: data goes there.
struct PathProved {
  PathId path;
};

/// The path leads over a tunnel, and PINGs that leave by it come in from the application, by their sizes: it
/// is the tunnel that runs through this program. The path stays held.
struct PathReturns {
  PathId path;
};

/// Many datagrams do not fit all paths in one piece.
struct Fragmenting {
  PathId path;              ///< the one that carries the least
  double share = 0;         ///< of the datagrams lately, 0 to 1
  std::size_t largest = 0;  ///< payload that fits, in bytes
};

/// What the server says of the inner addresses and networks that the client wants, if it is other than what
/// it said last. The driver gives the device what is given; it has nothing else.
struct InnerAddresses {
  std::vector<InnerEntry> entries;  ///< those that it wants, in their order, then the server's own
};

/// The client has a TUN device, and the other end carries no inner packets. Once a session.
struct InnerUnsupported {
  bool is_clear = false;  ///< because nothing is encrypted; else mpserver is older
};

}  // namespace mptunnel
