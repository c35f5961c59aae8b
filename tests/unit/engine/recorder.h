// Both ends on a network of fixed delays, in virtual time, with fixed random sources: whatever leaves an
// engine becomes a line of text. Only recorder.cpp calls the engines, and by their public interface alone, so
// that the scenarios and their recordings outlive a change of that interface.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/server_engine.h"
#include "support/test_random.h"

namespace mptunnel::test {

struct RecorderSettings {
  HandshakeSettings client;
  HandshakeSettings server;
  std::vector<PathTraits> paths = std::vector<PathTraits>(2);
  std::size_t min_paths = 1;
  std::size_t max_flows = kMaxFlows;  ///< of a client
  ServerSettings limits;              ///< `handshake` is taken from `server`
};

/// One packet that an engine has sent.
struct Flight {
  bool to_server = false;
  std::size_t client = 0;
  PathId path;
  std::vector<std::uint8_t> bytes;
};

class Recorder {
 public:
  /// With client 0, whose paths are not available yet.
  explicit Recorder(const RecorderSettings& settings = {});

  /// Another client at the same server; returns its number.
  std::size_t add_client(std::uint8_t identity);
  /// Makes all paths of the settings available.
  void start(std::size_t client = 0);
  /// Another process, which knows nothing, in place of the one before.
  void restart_client(std::size_t client = 0);
  void restart_server();
  void close_client();
  void close_server();

  /// `count` datagrams of `size` bytes each, in one batch, from client 0's application at this port.
  void application_sends(std::uint16_t port, std::size_t size, std::size_t count = 1, std::uint8_t dscp = 0,
                         std::size_t client = 0);
  void application_sends(std::uint16_t port, std::vector<std::uint8_t> bytes);
  /// The same from the target, to the socket of the flow that the server opened as the `flow`th; 0 is first.
  void target_sends(std::size_t flow, std::size_t size, std::size_t count = 1, std::uint8_t dscp = 0);
  /// Once in `every` a datagram both ways: from the application at port 1, and for flow 0.
  void exchange(Duration span, std::size_t size = 100, Duration every = 60ms);
  void run_for(Duration span);

  // The rest is about client 0.
  void add_path(PathId path, const PathTraits& traits);
  void set_available(PathId path, bool available);
  /// The client has another source port on this path, and knows.
  void readdress(PathId path, std::uint16_t port);
  /// A NAT gives the path another source port. Packets to the old one still arrive if it `stays`.
  void rebind(PathId path, std::uint16_t port, bool stays = false);
  /// A packet as if it came from this port of client 0's address, or to this path.
  void inject_to_server(std::vector<std::uint8_t> packet, std::uint16_t from_port);
  void inject_to_client(std::vector<std::uint8_t> packet, PathId path);

  /// A line that says what the scenario does next.
  void note(std::string_view text);
  /// All lines; the last ones count what was dropped.
  std::vector<std::string> finish();
  /// All that was sent so far.
  [[nodiscard]] const std::vector<Flight>& flights() const { return flights_; }

  /// When copies of a packet arrive, each so much later than the path's delay: none if it is lost. One, at
  /// once, if there is no function.
  std::function<std::vector<Duration>(const Flight&)> fate;
  /// Whether the sender's kernel finds a packet too large for its path.
  std::function<bool(const Flight&)> refuses;

 private:
  /// The application at this port of a client's host: its handle is the port.
  [[nodiscard]] FlowSource source_of(std::uint16_t port, std::size_t client) const;
  struct Client {
    ClientSettings settings;
    std::unique_ptr<TestRandom> random;
    std::unique_ptr<ClientEngine> engine;
    std::vector<Route> routes;  ///< of its paths, as the server sees them
    std::string name;
  };
  /// Where packets for an address go.
  struct Place {
    std::size_t client = 0;
    PathId path;
  };
  struct Arrival {
    bool to_server = false;
    Place place;
    Route from;  ///< to the server
    std::vector<std::uint8_t> bytes;
    std::size_t stride = 0;
  };

  /// Those of the settings.
  [[nodiscard]] std::vector<PathId> paths() const;
  void set_route(std::size_t client, PathId path, std::uint16_t port);
  std::vector<std::uint8_t> payload(std::size_t size, std::size_t count);
  void record(std::string_view end, const std::string& what);
  void carry_client(std::size_t number);
  void carry_server();
  void carry_run(const PacketRun& run, const Output& out, std::optional<std::size_t> client);
  void carry_copies(const PacketRun& run, ConstBytes bytes, const Arrival& to);
  void record_delivery(std::string_view end, std::string_view receiver, const Delivery& delivery,
                       const Output& out);
  void launch(Arrival arrival, Duration extra);
  void arrive(Arrival arrival);
  void run_due(TimePoint due);
  [[nodiscard]] TimePoint next_due() const;

  RecorderSettings settings_;
  TestRandom server_random_{1000};
  std::unique_ptr<ServerEngine> server_;
  std::vector<Client> clients_;
  std::map<Route, Place> places_;
  std::multimap<TimePoint, Arrival> arrivals_;
  std::vector<FlowHandle> flows_;                 ///< in the order in which the server opened them
  std::map<FlowHandle, std::string> flow_names_;  ///< of the open ones
  Output out_;
  TimePoint now_ = kStart;
  std::size_t payloads_ = 0;
  std::vector<Flight> flights_;
  std::vector<std::string> lines_;

  static constexpr TimePoint kStart{std::chrono::hours(1)};
};

}  // namespace mptunnel::test
