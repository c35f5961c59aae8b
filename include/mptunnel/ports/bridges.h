// All paths of mpclient: one for each bridge line, or, if the line has patterns, one for each interface that
// fits them, made and removed as interfaces come and go.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mptunnel/ports/bridge.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class Bridges {
 public:
  /// `config`, `ports`, `interfaces`, `events` and `known`, if there is one, outlive this.
  Bridges(const ClientConfig& config, const ClientIdentity& identity, const PortContext& ports,
          const InterfaceTable& interfaces, BridgeEvents& events, KnownAddresses* known = nullptr);

  /// Makes and starts all bridges that the interfaces allow.
  void start();
  /// Interfaces or addresses have changed.
  void on_interfaces();
  /// Routes or rules have changed.
  void on_routes();

  /// Null if the path has no bridge (any more).
  Bridge* find(PathId id) { return bridges_.at(id.value).get(); }
  template <typename Do>
  void for_each(Do act) const {
    for (const auto& bridge : bridges_) {
      if (bridge) act(*bridge);
    }
  }
  /// What is wrong with lines that have no path: "no interface fits ...".
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  /// Removes paths over interfaces that no pattern matches any more, or that are gone, down or without
  /// address.
  void remove_unfit();
  /// Makes the paths that a line should have and has not.
  void make_missing();
  /// The line's path over this interface, unless it is there.
  void make(std::size_t line, const std::string& device);
  /// An id that this line's path over this interface had before, or one that is free; nullopt if none is.
  std::optional<PathId> take_id(std::size_t line, const std::string& device);

  /// Its bridge is made anew whenever an interface comes back: how much is said of it outlasts that.
  struct PathLines {
    LimitedLog interface;  ///< that comes and goes
    LimitedLog bridge;
  };

  const ClientConfig& config_;
  BridgeContext context_;
  std::vector<PathLines> lines_;  ///< by id
  LimitedLog full_lines_;
  std::array<std::unique_ptr<Bridge>, kMaxPaths> bridges_;
  using Owner = std::pair<std::size_t, std::string>;    ///< line and interface
  std::array<std::optional<Owner>, kMaxPaths> owners_;  ///< of each id, now or lastly
  bool said_full_ = false;
};

}  // namespace mptunnel
