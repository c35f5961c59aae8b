#include "sim/inner_ledger.h"

#include <algorithm>

#include "mptunnel/engine/inner_flow.h"
#include "mptunnel/ip/marks.h"
#include "support/ip_packets.h"

namespace mptunnel::sim {

std::uint32_t InnerLedger::offer(InnerRecord record, const std::string& source,
                                 const std::string& destination, std::size_t bytes) {
  const auto number = static_cast<std::uint32_t>(records_.size());
  test::PacketSpec spec;
  spec.source = source;
  spec.destination = destination;
  spec.traffic_class = Marks{0, record.ecn}.traffic_class();
  spec.payload = test::some_payload(std::max<std::size_t>(bytes, 4), number);
  test::set_number(spec.payload, 0, number, 4);
  record.packet = test::make_udp(spec);
  records_.push_back(std::move(record));
  return number;
}

std::optional<std::uint32_t> InnerLedger::delivered(ConstBytes packet, std::optional<int> client) {
  const std::size_t head = !packet.empty() && packet[0] >> 4U == 4 ? 28 : 48;
  if (packet.size() < head + 4) {
    journal_.fail("an inner packet of {} bytes comes out that nobody made", packet.size());
    return std::nullopt;
  }
  const std::uint32_t number = test::number_at(packet, head, 4);
  std::vector<std::uint8_t> unmarked(packet.begin(), packet.end());
  if (number < records_.size()) set_ecn(unmarked, records_[number].ecn);
  if (number >= records_.size() || unmarked != records_[number].packet) {
    journal_.fail("an inner packet of {} bytes comes out altered", packet.size());
    return std::nullopt;
  }
  InnerRecord& record = records_[number];
  if (record.is_forged) journal_.fail("an inner packet with a source of somebody else comes out");
  if (record.delivered) journal_.fail("an inner packet comes out twice");
  if (record.is_reply != client.has_value())
    journal_.fail("an inner packet comes out at the end that sent it");
  if (client && record.client != *client)
    journal_.fail("an inner packet for client {} comes out at client {}", record.client, *client);
  record.delivered = true;
  record.came = ecn_of(packet);
  const bool is_no_less = record.ecn == Ecn::not_ect ? record.came == Ecn::not_ect
                          : record.ecn == Ecn::ce    ? record.came == Ecn::ce
                                                     : record.came != Ecn::not_ect;
  if (!is_no_less)
    journal_.fail("an inner packet with ECN {} comes out with {}", static_cast<int>(record.ecn),
                  static_cast<int>(record.came));
  return number;
}

std::size_t InnerLedger::offered_since(ProcessNumber process, TimePoint since) const {
  std::size_t count = 0;
  for (auto record = records_.rbegin(); record != records_.rend() && record->offered > since; ++record) {
    if (record->offered_to == process) ++count;
  }
  return count;
}

SplitDeliveries split_deliveries(const Output& out) {
  SplitDeliveries split;
  for (const Delivery& delivery : out.deliveries) {
    const auto pieces = out.pieces_of(delivery);
    if (is_tun(delivery.flow)) {
      split.inner.insert(split.inner.end(), pieces.begin(), pieces.end());
      continue;
    }
    split.deliveries.push_back({delivery.flow, split.pieces.size(), delivery.count});
    split.pieces.insert(split.pieces.end(), pieces.begin(), pieces.end());
  }
  return split;
}

}  // namespace mptunnel::sim
