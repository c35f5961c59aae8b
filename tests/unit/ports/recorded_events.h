// A listener of bridges that writes down what it hears.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mptunnel/ports/bridge.h"

namespace mptunnel::test {

class RecordedEvents final : public BridgeEvents {
 public:
  void on_bridge_made(const Bridge& bridge) override { add("made " + bridge.name(), bridge.id()); }
  void on_bridge_available(PathId path, bool available) override {
    add(available ? "available" : "unavailable", path);
  }
  void on_bridge_held(PathId path, bool held) override { add(held ? "held" : "released", path); }
  void on_bridge_readdressed(PathId path) override { add("readdressed", path); }
  void on_bridge_readable(PathId path) override { add("readable", path); }

  void on_bridge_elsewhere_readable(PathId path) override { add("elsewhere readable", path); }
  [[nodiscard]] std::uint64_t received_by(PathId /*path*/) const override { return received; }

  std::uint64_t received = 0;  ///< by any path; a test changes it

  /// Those since the last call: "available 0".
  std::vector<std::string> take() { return std::exchange(events_, {}); }

 private:
  void add(const std::string& what, PathId path) {
    events_.push_back(what + " " + std::to_string(path.value));
  }

  std::vector<std::string> events_;
};

}  // namespace mptunnel::test
