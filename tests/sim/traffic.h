// The users of the tunnel: applications in front of the clients, and the target behind the server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "sim/context.h"

namespace mptunnel::sim {

class ClientHost;
class ServerHost;

struct TrafficOptions {
  Duration interval = 20ms;    ///< between bursts of an application, varied by half
  std::size_t burst = 1;       ///< datagrams at once
  std::size_t min_bytes = 40;  ///< of payload
  std::size_t max_bytes = 200;
  bool echo = true;           ///< the target answers each
  std::uint8_t dscp = 0;      ///< of both
  Duration push_interval{0};  ///< the target sends by itself, once it has heard from the application; 0: no
};

/// A request and its answer, both through the tunnel.
struct RoundTrip {
  TimePoint asked;
  TimePoint answered;
};

/// Where a flow's datagrams come from, as the target sees it.
struct TargetPeer {
  ProcessNumber server = 0;
  FlowHandle flow;
  std::uint64_t hash = 0;
};

struct Application {
  std::uint16_t number = 0;
  ClientHost* host = nullptr;
  Endpoint endpoint;
  std::uint64_t hash = 0;
  TrafficOptions traffic;
  bool is_active = false;
  bool is_ticking = false;
  bool is_pushed_to = false;
  TargetPeer peer;  ///< where the target heard from it last
  std::uint64_t received = 0;
  std::vector<RoundTrip> round_trips;
  /// Called, if set, with each datagram of it that the target gets, and each that it gets.
  std::function<void(std::uint32_t record)> on_request;
  std::function<void(std::uint32_t record)> on_reply;

  /// When the first answer came to a request that was sent at `since` or later.
  [[nodiscard]] std::optional<TimePoint> first_answer_to(TimePoint since) const;
};

class Traffic {
 public:
  explicit Traffic(Context& context) : context_(context) {}

  void set_server(ServerHost* server) { server_ = server; }
  /// A new application of this host, silent until start().
  Application& add(ClientHost& host, const Endpoint& endpoint, std::uint64_t hash,
                   const TrafficOptions& traffic);
  void start(Application& application);
  static void stop(Application& application) { application.is_active = false; }
  void stop_all();

  Application& application(std::uint16_t number) { return *applications_[number]; }
  [[nodiscard]] const std::vector<std::unique_ptr<Application>>& applications() const {
    return applications_;
  }

  /// Sends one burst now.
  void send(Application& application, std::size_t count, std::size_t bytes);
  /// The target got a datagram.
  void at_target(const TargetPeer& peer, const Packet& packet);
  /// An application got one.
  void at_application(Application& application, const Packet& packet);

 private:
  void tick(Application& application);
  void reply(const TargetPeer& peer, Application& application, std::optional<std::uint32_t> request);
  void push(Application& application);
  std::size_t some_size(const TrafficOptions& traffic);

  Context& context_;
  ServerHost* server_ = nullptr;
  std::vector<std::unique_ptr<Application>> applications_;
};

}  // namespace mptunnel::sim
