// One TCP connection through the tunnel that always has more to send: what its sender and its receiver do
// with datagrams, as far as the tunnel shows in it. Selective acknowledgements (RFC 2018) of each second
// segment and of each that comes out of order; losses found by time (RACK, RFC 8985, with its reordering
// window); a retransmission timeout (RFC 6298). It has no bytes, ports, checksums or limit of the receiver's
// buffer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "sim/congestion.h"
#include "sim/world.h"

namespace mptunnel::sim {

enum class StreamWay : std::uint8_t { upload, download };

class TcpStream {
 public:
  /// Of this application, which sends nothing by itself: its traffic has neither been started nor an echo.
  TcpStream(World& world, Application& application, StreamWay way, std::unique_ptr<Congestion> congestion);
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream();

  void start();
  /// Nothing more is sent, but for acknowledgements.
  void stop() { is_running_ = false; }

  struct Counts {
    std::uint64_t sent = 0;           ///< segments, all copies
    std::uint64_t retransmitted = 0;  ///< of these, those sent again
    std::uint64_t spurious = 0;       ///< of these, those that had arrived
    std::uint64_t recoveries = 0;     ///< times that the congestion control was told of a loss
    std::uint64_t timeouts = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// Segments that the receiver had in order.
  [[nodiscard]] std::uint64_t delivered() const { return expected_; }
  /// Of payload in them, a second, since the last call.
  double take_goodput_mbit_s();

  static constexpr std::size_t kSegmentBytes = 1400;  ///< IP packet, which is the tunnel's payload
  static constexpr std::size_t kAckBytes = 52;

 private:
  /// A segment that has not been acknowledged.
  struct Segment {
    TimePoint sent;
    std::uint64_t delivered = 0;  ///< counts when it was sent last
    TimePoint delivered_at;
    bool was_limited = false;
    bool is_lost = false;
    bool is_retransmission = false;
  };
  /// What one acknowledgement says.
  struct Ack {
    std::uint64_t expected = 0;       ///< all below have come
    std::vector<std::uint64_t> news;  ///< what came since the last but two, in any order
    bool is_duplicate = false;        ///< the newest had come before
  };

  void at_target(std::uint32_t record);
  void at_application(std::uint32_t record);
  /// At the receiver.
  void receive(std::uint64_t number);
  void acknowledge(bool is_duplicate);
  /// At the sender.
  void on_ack(const Ack& ack);
  void take(std::uint64_t number, AckSample& sample);
  void find_losses();
  void send_more();
  void send_segment(std::uint64_t number);
  void restart_timer();
  void on_timer(std::uint64_t generation);
  void measure_rtt(Duration rtt);
  /// Sends a datagram from the one end or the other; its number, nullopt if the program did not take it.
  std::optional<std::uint32_t> send(bool from_application, std::size_t bytes);
  [[nodiscard]] bool is_data_up() const { return way_ == StreamWay::upload; }
  [[nodiscard]] Duration reordering_window() const;
  [[nodiscard]] Duration timeout() const;

  World& world_;
  Application& application_;
  StreamWay way_;
  std::unique_ptr<Congestion> congestion_;
  bool is_running_ = false;
  Counts counts_;

  std::map<std::uint32_t, std::uint64_t> segments_under_way_;  ///< by datagram
  std::map<std::uint32_t, Ack> acks_under_way_;

  std::map<std::uint64_t, Segment> segments_;  ///< sent and not acknowledged
  std::set<std::uint64_t> lost_;               ///< of these, those to be sent again
  std::uint64_t next_ = 0;
  std::uint64_t delivered_ = 0;
  TimePoint delivered_at_;
  /// Of all that was acknowledged, the last one that was sent (RFC 8985, section 6.2: of one time, the
  /// highest).
  std::optional<std::pair<TimePoint, std::uint64_t>> newest_sent_;
  std::uint64_t recovery_ends_ = 0;  ///< losses below belong to one that was told
  Duration smoothed_{};
  Duration variation_{};
  Duration shortest_ = Duration::max();
  std::uint64_t reordering_steps_ = 1;
  int backoff_ = 0;
  std::uint64_t timer_ = 0;
  TimePoint paced_until_;
  bool is_waiting_to_send_ = false;
  bool is_watching_losses_ = false;

  std::uint64_t expected_ = 0;                      ///< at the receiver
  std::set<std::uint64_t> beyond_;                  ///< came out of order
  std::vector<std::uint64_t> news_;                 ///< not acknowledged yet
  std::array<std::vector<std::uint64_t>, 2> said_;  ///< in the last acknowledgements, which may get lost
  bool is_ack_delayed_ = false;

  std::uint64_t measured_ = 0;
  TimePoint measured_at_;
};

/// Mbit/s of one connection of this application in the steady state: after 10 s, for 10 s.
double steady_goodput_mbit_s(World& world, Application& application, StreamWay way,
                             std::unique_ptr<Congestion> congestion);

}  // namespace mptunnel::sim
