// Somebody on the way who reads every packet, keeps some, and sends copies, parts and noise to both ends,
// from addresses of their own and from forged ones. Without a key that must gain them nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "sim/world.h"

namespace mptunnel::sim {

struct AttackOptions {
  double forwarded_percent = 0;     ///< of the client's packets: a copy comes from the attacker as well
  Duration forwarded_after{0};      ///< at least; the copy may overtake the packet
  Duration forwarded_before{20ms};  ///< at most
  Duration interval = 10ms;         ///< between two packets of the attacker's own making; 0: none
};

class Attacker {
 public:
  Attacker(World& world, const AttackOptions& options);
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;
  ~Attacker() { stop(); }

  void stop();
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  struct Seen {
    Copy copy;
    bool is_up = false;
  };

  void attach(ClientHost& client, std::size_t path);
  void see(const Copy& copy, bool is_up);
  void forward(Lane& lane, const Copy& copy);
  void tick();
  Copy make_packet();
  void mutate(Copy& copy);
  void send(Copy copy);
  /// No path may lead to an attacker.
  void check_paths() const;

  World& world_;
  AttackOptions options_;
  test::Prng random_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::vector<Endpoint> addresses_;
  std::vector<Seen> seen_;
  std::size_t next_seen_ = 0;
  std::uint64_t packets_ = 0;
};

}  // namespace mptunnel::sim
