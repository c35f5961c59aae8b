// The status of a running program: plain values, as JSON for programs and as a table for people.
// What it is not: a way to ask. That is the control socket (net/control_socket.h, requests.h);
// client_status.h and server_status.h say where the values come from.
//
// Each value lists its fields under the names that JSON promises, in their order: for_each_field() calls
// field(name, value) for each. What renders or counts them knows no name of its own.
//
// "out" is away from the program that answers, "in" is towards it. What is not known is nullopt: null in
// JSON, "-" in the table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/time.h"
#include "mptunnel/control/status_units.h"
#include "mptunnel/path/path_state.h"

namespace mptunnel {

/// One direction of one path.
struct DirectionStatus {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;             ///< packets; of "out" as the peer reported
  std::optional<double> loss;         ///< fraction, since the session began
  std::optional<double> loss_recent;  ///< fraction, of the last 10 s
  std::optional<Duration> jitter;
  std::uint64_t first = 0;       ///< copies that arrived before all others
  std::uint64_t duplicates = 0;  ///< copies that came after
  std::uint64_t rate_bps = 0;    ///< of the last 10 s

  template <typename Field>
  void for_each_field(Field field) const {
    field("packets", packets);
    field("bytes", bytes);
    field("lost", lost);
    field("loss", loss);
    field("loss_recent", loss_recent);
    field("jitter_ms", Milliseconds{jitter});
    field("first", first);
    field("duplicates", duplicates);
    field("rate_bps", rate_bps);
  }
};

struct RttStatus {
  Duration smoothed{};
  Duration variation{};
  Duration minimum{};
  Duration latest{};

  template <typename Field>
  void for_each_field(Field field) const {
    field("smoothed", Milliseconds{smoothed});
    field("variation", Milliseconds{variation});
    field("minimum", Milliseconds{minimum});
    field("latest", Milliseconds{latest});
  }
};

struct PathStatus {
  std::uint32_t id = 0;
  std::string name;
  PathState state = PathState::fresh;
  std::string problem;   ///< what is wrong, in words; empty if all is well
  bool standby = false;  ///< kept for when others fail
  std::string remote;    ///< address and port; empty if there is none
  std::string local;
  std::string device;
  std::optional<RttStatus> rtt;
  std::optional<std::uint64_t> mtu_out;  ///< largest UDP payload, bytes
  std::optional<std::uint64_t> mtu_in;
  std::optional<Duration> last_answer;  ///< how long ago
  DirectionStatus out;
  DirectionStatus in;

  template <typename Field>
  void for_each_field(Field field) const {
    field("id", id);
    field("name", name);
    field("state", name_of(state));
    field("problem", problem);
    field("standby", standby);
    field("remote", remote);
    field("local", local);
    field("device", device);
    field("rtt_ms", rtt);
    field("mtu", BothWays{mtu_out, mtu_in});
    field("last_answer_s", Seconds{last_answer});
    field("out", out);
    field("in", in);
  }
};

enum class SessionState : std::uint8_t { connecting, established, dormant };
/// "connecting", "established", "dormant".
const char* name_of(SessionState state);

struct SessionStatus {
  SessionState state = SessionState::connecting;
  std::optional<Duration> age;
  std::string cipher;      ///< "AES-256-GCM"; empty if there is no session
  bool encrypted = false;  ///< whether datagrams are, or will be
  bool has_key = false;
  std::optional<Duration> key_age;  ///< of the traffic keys, which change every two minutes
  std::uint64_t flows = 0;
  std::uint64_t datagrams_in = 0;   ///< from the application or target, into the tunnel
  std::uint64_t datagrams_out = 0;  ///< out of the tunnel
  std::uint64_t duplicates_dropped = 0;
  std::uint64_t forced_closings = 0;        ///< see SessionLink::forced_closings()
  std::optional<double> residual_loss_out;  ///< fraction of the datagrams of which no copy arrived
  std::optional<double> residual_loss_in;
  std::uint64_t fragmented = 0;                ///< datagrams that some path in use carried in pieces only
  std::optional<std::uint64_t> largest_whole;  ///< payload that every path in use carries in one packet

  template <typename Field>
  void for_each_field(Field field) const {
    field("state", name_of(state));
    field("age_s", Seconds{age});
    field("cipher", cipher);
    field("encrypted", encrypted);
    field("key", has_key ? "set" : "none");
    field("key_age_s", Seconds{key_age});
    field("flows", flows);
    field("datagrams_in", datagrams_in);
    field("datagrams_out", datagrams_out);
    field("duplicates_dropped", duplicates_dropped);
    field("forced_closings", forced_closings);
    field("residual_loss", BothWays{residual_loss_out, residual_loss_in});
    field("fragmented", fragmented);
    field("largest_whole", largest_whole);
  }
};

/// A client of mpserver.
struct ClientStatus {
  std::string client;  ///< the first 8 digits of its identity
  SessionStatus session;
  std::vector<PathStatus> paths;

  template <typename Field>
  void for_each_field(Field field) const {
    field("client", client);
    field("session", session);
    field("paths", paths);
  }
};

struct Status {
  bool is_server = false;
  std::string version;
  Duration uptime{};
  std::string config;  ///< the file, as given; empty in mpserver's form without a file
  std::vector<std::string> listen;
  SessionStatus session;              ///< mpclient's
  std::vector<PathStatus> paths;      ///< mpclient's
  std::string target;                 ///< mpserver's
  std::vector<ClientStatus> clients;  ///< mpserver's
  DropCounters drops;
  std::vector<std::string> problems;  ///< of the program as a whole, in words

  template <typename Field>
  void for_each_field(Field field) const {
    field("program", is_server ? "mpserver" : "mpclient");
    field("version", version);
    field("uptime_s", Seconds{uptime});
    field("config", config);
    field("listen", listen);
    if (is_server) {
      field("target", target);
      field("clients", clients);
    } else {
      field("session", session);
      field("paths", paths);
    }
    field("drops", drops);
    field("problems", problems);
  }
};

/// For a program that counts at two places.
DropCounters sum_of(const DropCounters& one, const DropCounters& other);

}  // namespace mptunnel
