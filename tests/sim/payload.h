// Numbered payloads: each datagram says which it is, and every byte of it follows from that.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"
#include "sim/packet.h"

namespace mptunnel::sim {

/// One datagram that an application or the target gave to an engine.
struct Record {
  std::uint16_t application = 0;
  bool is_reply = false;  ///< from the target
  std::uint32_t size = 0;
  ProcessNumber offered_to = 0;
  TimePoint offered;
  std::optional<std::uint32_t> request;  ///< what it answers
  bool sealed = false;
  bool delivered = false;
};

/// All datagrams of a run.
class Ledger {
 public:
  /// Below this size a payload can't carry its number: such datagrams are alike and only counted.
  static constexpr std::size_t kLabelBytes = 8;

  /// Writes the record's payload to `out`, whose size is the record's, and returns its number.
  std::uint32_t offer(Record record, Bytes out);
  /// A process sealed this payload for this application's flow: which datagram is it? nullopt if no such
  /// one was offered to it, or it was sealed before.
  std::optional<std::uint32_t> sealed(ConstBytes payload, std::uint16_t application, ProcessNumber by);

  Record& operator[](std::uint32_t number) { return records_[number]; }
  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  /// How many were offered to this process after `since`.
  [[nodiscard]] std::size_t offered_since(ProcessNumber process, TimePoint since) const;

 private:
  using Alike = std::tuple<ProcessNumber, std::uint16_t, std::size_t>;
  static void write(std::uint32_t number, const Record& record, Bytes out);

  std::vector<Record> records_;
  std::map<Alike, std::vector<std::uint32_t>> small_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace mptunnel::sim
