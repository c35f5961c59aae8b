// Asks the server for the inner addresses that the client's TUN device is to have, and for the networks
// behind it; again after a new session, and while something is refused that may become free.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/base/time.h"
#include "mptunnel/engine/inner_flow.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

struct ClientState;
class LinkEpoch;

/// The client's device, as far as the engine knows it.
struct ClientInner {
  enum class Phase : std::uint8_t {
    asking,  ///< no answer yet in this session: packets wait
    answered,
    unsupported  ///< the server carries no inner packets, or cipher none would have to
  };

  explicit ClientInner(std::vector<InnerEntry> entries) : wanted(std::move(entries)) {}

  std::vector<InnerEntry> wanted;  ///< an automatic entry has the address that the client had last
  std::vector<InnerEntry> given;   ///< the last answer, to show; empty before the first
  Phase phase = Phase::asking;
  std::uint8_t sequence = 0;  ///< of the last question
  TimePoint next_question = kNever;
  Duration patience = kInnerAskedAgain;
  InnerCounts counts;

  /// Whether packets of the device may leave, as far as addresses go; before, they wait.
  [[nodiscard]] bool may_leave() const { return phase != Phase::asking; }
};

class ClientAddressing {
 public:
  /// `state` outlives the object.
  explicit ClientAddressing(ClientState& state) : state_(state) {}

  /// A session began that is not the one before.
  void on_session(TimePoint now);
  /// ADDRESSES_GIVEN came under this key. Returns whether packets that waited may leave now.
  bool on_given(const LinkEpoch& epoch, const AddressesGivenFrame& frame, Output& out, TimePoint now);
  /// Asks if it is time to.
  void run(Output& out, TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

 private:
  void give_up(bool is_clear, Output& out);

  ClientState& state_;
};

}  // namespace mptunnel
