// How often each step of a datagram's way asked operator new for memory, so that a failure says where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>

#include "../session/allocation_counter.h"

namespace mptunnel::test {

/// Of each datagram.
inline constexpr std::size_t kPayloadBytes = 100;

struct Spending {
  std::uint64_t receive = 0;         ///< sockets, of either end
  std::uint64_t on_application = 0;  ///< client: sealing
  std::uint64_t on_network = 0;      ///< server: opening
  std::uint64_t on_target = 0;       ///< server: sealing
  std::uint64_t on_path = 0;         ///< client: opening
  std::uint64_t send = 0;            ///< runs down the paths, and on_sent() of the engine
  std::uint64_t deliver = 0;         ///< payloads to the application or the target

  friend bool operator==(const Spending&, const Spending&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Spending& spent) {
    return out << "receive " << spent.receive << ", on_application " << spent.on_application
               << ", on_network " << spent.on_network << ", on_target " << spent.on_target << ", on_path "
               << spent.on_path << ", send " << spent.send << ", deliver " << spent.deliver;
  }
};

/// Adds what its life costs to one of them.
class Counted {
 public:
  explicit Counted(std::uint64_t& sum) : sum_(sum), before_(allocations()) {}
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { sum_ += allocations() - before_; }

 private:
  std::uint64_t& sum_;
  std::uint64_t before_;
};

}  // namespace mptunnel::test
