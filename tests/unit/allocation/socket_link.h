// Both engines joined by UDP sockets on loopback, driven as the programs drive them, but without a loop: all
// sockets are read in turn until everything is there. Time stands still but for advance().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/server_engine.h"
#include "mptunnel/net/udp_socket.h"
#include "mptunnel/ports/application_table.h"
#include "mptunnel/ports/run_sender.h"
#include "mptunnel/ports/socket_factory.h"
#include "spending.h"
#include "support/test_random.h"

namespace mptunnel::test {

class SocketLink {
 public:
  static constexpr std::size_t kPaths = 3;

  /// Opens all sockets and a flow for each of `applications`; false if they do not come up.
  SocketLink(bool encrypt, std::size_t applications);
  [[nodiscard]] bool start();

  /// `count` datagrams in one batch of an application, and of the target to the application's flow.
  void application_sends(std::size_t application, std::size_t count);
  void target_sends(std::size_t application, std::size_t count);
  /// Carries what was sent; false if it does not all arrive, or more than that.
  [[nodiscard]] bool carry();
  /// Lets time pass, and what is due happen.
  void advance(Duration span);

  Spending spent;

 private:
  struct Application {
    std::optional<UdpSocket> socket;
    Route from_target;  ///< where the target answers this application's flow
  };

  bool exchange(const std::function<bool()>& is_done);
  void read_all();
  template <typename OnBatch>
  void read(UdpSocket& socket, OnBatch on_batch);
  void flush_client();
  void flush_server();
  void send_to_server();
  void send_to_client();
  void deliver_to_applications();
  void deliver_to_target();

  TestRandom client_random_{1};
  TestRandom server_random_{2};
  ApplicationTable sources_{{7, 7, 7}};
  std::optional<ClientEngine> client_;
  std::optional<ServerEngine> server_;
  Output client_out_;
  Output server_out_;
  TimePoint now_{std::chrono::hours(1)};

  std::vector<Application> applications_;
  std::optional<UdpSocket> listener_;  ///< of the client, for applications
  std::vector<UdpSocket> paths_;       ///< of the client, each connected to the server
  std::optional<UdpSocket> network_;   ///< of the server
  std::unordered_map<FlowHandle, UdpSocket> flows_;
  std::optional<UdpSocket> target_;

  ReceiveBuffers buffers_;
  RunSender sender_;
  std::vector<SendPieces> deliveries_;
  std::vector<SendOutcome> delivered_;
  std::vector<std::uint8_t> payloads_;
  Route last_at_target_;
  std::uint64_t to_target_ = 0;
  std::uint64_t to_applications_ = 0;
  std::uint64_t at_target_ = 0;
  std::uint64_t at_applications_ = 0;
};

}  // namespace mptunnel::test
