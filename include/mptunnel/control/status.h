// The status of a running program: plain values, as JSON for programs and as a table for people.
// What it is not: a way to ask. That is the control socket (net/control_socket.h, render.h);
// collect_status.h says where the values come from.
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
#include "mptunnel/control/share_status.h"
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
  std::uint64_t first = 0;         ///< copies that arrived before all others
  std::uint64_t duplicates = 0;    ///< copies that came after
  std::uint64_t rate_bps = 0;      ///< of the last 10 s
  std::uint64_t repair_bytes = 0;  ///< of `bytes`, in packets of repair
};

struct RttStatus {
  Duration smoothed{};
  Duration variation{};
  Duration minimum{};
  Duration latest{};
};

struct PathStatus {
  std::uint32_t id = 0;
  std::string name;
  PathState state = PathState::fresh;
  std::string problem;   ///< what is wrong, in words; empty if all is well
  bool standby = false;  ///< kept for when others fail
  bool held = false;     ///< nothing but probes goes there: it may lead through the VPN inside
  std::string remote;    ///< address and port; empty if there is none
  std::string local;
  std::string seen_from;  ///< mpclient: the address and port that mpserver sees it come from
  std::string device;
  std::optional<RttStatus> rtt;
  std::optional<std::uint64_t> mtu_out;  ///< largest UDP payload, bytes
  std::optional<std::uint64_t> mtu_in;
  std::optional<Duration> last_answer;  ///< how long ago
  std::uint64_t unsent = 0;             ///< copies that did not leave: too much waited, or the kernel refused
  std::optional<ShareStatus> share;     ///< of what this end sends; nullopt: copies
  DirectionStatus out;
  DirectionStatus in;
};

/// What all paths together bring, in one direction, beside the path that loses least. Fractions.
struct StreamWayStatus {
  std::optional<double> loss;  ///< of the datagrams, since the session began: no copy arrived
  std::optional<double> loss_recent;
  std::optional<double> best_path;  ///< the least loss of one path alone
  std::optional<double> best_path_recent;
  std::optional<double> before_repair;  ///< what all copies together lost
  std::optional<double> before_repair_recent;
  std::uint64_t recovered = 0;            ///< datagrams that no copy brought, but repair did
  std::optional<double> repair_overhead;  ///< bytes of repair, of all other bytes on the paths
};

/// What was done so that datagrams that came are delivered in the order of their flows.
struct OrderStatus {
  std::uint64_t held = 0;      ///< datagrams that waited for earlier ones
  std::uint64_t in_time = 0;   ///< missing ones that came, or were repaired, while others waited
  std::uint64_t late = 0;      ///< those that came when later ones had been delivered
  std::uint64_t lost = 0;      ///< those that never came
  std::uint64_t overflow = 0;  ///< those that there was no room to wait for
  Duration hold{};             ///< how long a datagram waits now, at most
};

struct StreamStatus {
  StreamWayStatus out;
  StreamWayStatus in;
  OrderStatus order;
  std::uint64_t untaken = 0;    ///< datagrams that found no path or key in time; part of out.loss
  std::optional<Duration> rtt;  ///< of the fastest path in use
  std::optional<Duration> jitter;
};

/// An inner address of a client, or a network behind it.
struct InnerAddressStatus {
  std::string address;  ///< "10.42.42.2/24"
  std::string kind;     ///< "address", "network", "server"
  std::string verdict;  ///< "given", or why not
};

/// The IP packets of a session.
struct InnerStatus {
  std::vector<InnerAddressStatus> addresses;
  std::uint64_t packets_in = 0;  ///< from the device, into the tunnel
  std::uint64_t bytes_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
  std::optional<std::uint64_t> largest_whole;  ///< packet that every path in use carries in one
};

/// The network interface for IP packets.
struct DeviceStatus {
  std::string name;  ///< empty while there is none
  std::vector<std::string> addresses;
  std::uint64_t mtu = 0;
  std::string offload;      ///< in words
  std::uint64_t reads = 0;  ///< packets as the kernel hands them out, one may be many
  std::uint64_t read_bytes = 0;
  std::uint64_t writes = 0;  ///< the same, as it takes them
  std::uint64_t written_bytes = 0;
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
  std::uint64_t forced_closings = 0;  ///< see SessionLink::forced_closings()
  std::string scheduler;              ///< of what this end sends: "copies", "fastest", "aggregate", "auto"
  StreamStatus stream;
  std::uint64_t fragmented = 0;                ///< datagrams that some path in use carried in pieces only
  std::optional<std::uint64_t> largest_whole;  ///< payload that every path in use carries in one packet
  std::optional<InnerStatus> inner;            ///< nullopt where there is no device
};

/// A client of mpserver.
struct ClientStatus {
  std::string client;    ///< the first 8 digits of its identity
  std::string name;      ///< its client-id, or its address
  std::string key_name;  ///< as the keyring names its key; empty if that is not one client's
  SessionStatus session;
  std::vector<PathStatus> paths;
};

/// mpserver's keyring.
struct KeyringStatus {
  std::uint64_t clients = 0;
  std::uint64_t disabled = 0;  ///< of them
};

/// An address to listen on that this host does not have.
struct AwaitedStatus {
  std::string address;  ///< one of `listen`
  std::string why;      ///< half a sentence
};

struct Status {
  bool is_server = false;
  std::string version;
  Duration uptime{};
  std::string config;  ///< the file, as given; empty in mpserver's form without a file
  std::vector<std::string> listen;
  std::vector<AwaitedStatus> awaited;    ///< of these, what is waited for
  bool listens = true;                   ///< on one of them at least
  SessionStatus session;                 ///< mpclient's
  std::vector<PathStatus> paths;         ///< mpclient's
  std::optional<DeviceStatus> device;    ///< nullopt if none is wanted
  std::string target;                    ///< mpserver's; empty if it has none
  std::string target_problem;            ///< why it can't be reached, and since when; empty if it can
  std::optional<KeyringStatus> keyring;  ///< mpserver's; nullopt if it has none
  std::vector<ClientStatus> clients;     ///< mpserver's
  DropCounters drops;
  /// Datagrams that the kernel dropped because receive buffers were full: of applications or the target, and
  /// of the network.
  std::uint64_t kernel_drops_inside = 0;
  std::uint64_t kernel_drops_outside = 0;
  std::vector<std::string> problems;  ///< of the program as a whole, in words
  std::string outage;                 ///< mpclient's: why its session carries nothing; empty if it does
};

/// For a program that counts at two places.
DropCounters sum_of(const DropCounters& one, const DropCounters& other);

}  // namespace mptunnel
