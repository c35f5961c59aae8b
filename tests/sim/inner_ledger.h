// All packets of TUN devices of a run: each says which it is, and comes out once, whole, at the end that it
// is for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/output.h"
#include "sim/journal.h"
#include "sim/packet.h"

namespace mptunnel::sim {

struct InnerRecord {
  int client = 0;          ///< whose device it is from, or for
  bool is_reply = false;   ///< from the server's device
  Ecn ecn = Ecn::not_ect;  ///< as it was sent
  bool is_forged = false;  ///< its source is not its sender's: it must go nowhere
  ProcessNumber offered_to = 0;
  TimePoint offered{};
  bool delivered = false;
  Ecn came = Ecn::not_ect;  ///< if it was delivered
  std::vector<std::uint8_t> packet{};
};

class InnerLedger {
 public:
  explicit InnerLedger(Journal& journal) : journal_(journal) {}

  /// A new packet, of so many bytes of UDP payload; returns its number.
  std::uint32_t offer(InnerRecord record, const std::string& source, const std::string& destination,
                      std::size_t bytes);
  /// The server's device got it, or that of a client. Returns its number, nullopt if it should not have.
  std::optional<std::uint32_t> at_server(ConstBytes packet) { return delivered(packet, std::nullopt); }
  std::optional<std::uint32_t> at_client(int client, ConstBytes packet) { return delivered(packet, client); }

  [[nodiscard]] const std::vector<InnerRecord>& records() const { return records_; }
  /// How many were offered to this process after `since`.
  [[nodiscard]] std::size_t offered_since(ProcessNumber process, TimePoint since) const;

 private:
  std::optional<std::uint32_t> delivered(ConstBytes packet, std::optional<int> client);

  Journal& journal_;
  std::vector<InnerRecord> records_;
};

/// What an engine delivers, inner packets apart from the rest.
struct SplitDeliveries {
  std::vector<Delivery> deliveries;  ///< of applications or the target
  std::vector<ConstBytes> pieces;
  std::vector<ConstBytes> inner;
};
SplitDeliveries split_deliveries(const Output& out);

}  // namespace mptunnel::sim
