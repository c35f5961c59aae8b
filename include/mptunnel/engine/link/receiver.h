// What one session receives, the same at both ends: packets are opened, copies are counted and a sample of
// them is verified, fragments are put together. What an engine gets from here is authenticated, and counted.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/engine/inner_flow.h"
#include "mptunnel/engine/link/acknowledger.h"
#include "mptunnel/engine/link/control_packet.h"
#include "mptunnel/engine/link/link_context.h"
#include "mptunnel/engine/link/reorder_buffer.h"
#include "mptunnel/engine/link/repair_receiver.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/session/fragment_assembler.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// The address that packets came from, and their counters. Nothing is kept for an address before something
/// genuine came from it.
class Origin {
 public:
  /// `traffic` is null if nothing genuine came from there yet; then admit() makes it.
  explicit Origin(PathTraffic* traffic) : traffic_(traffic) {}
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;
  virtual ~Origin() = default;

  [[nodiscard]] bool is_known() const { return traffic_ != nullptr; }
  /// Something genuine came from there.
  PathTraffic& genuine() {
    if (traffic_ == nullptr) traffic_ = &admit();
    return *traffic_;
  }

 private:
  virtual PathTraffic& admit() = 0;

  PathTraffic* traffic_;
};

class Receiver {
 public:
  /// `context` outlives the receiver.
  explicit Receiver(LinkContext& context)
      : context_(context),
        fragments_(context.fragments),
        repair_(context.repaired),
        order_(context.order, context.held) {}

  struct Opened {
    ConstBytes frames;     ///< a view into the packet
    bool is_news = false;  ///< its number is above all that came before: the peer is alive
    /// CONTROL that came before, and is genuine. It was counted, and what it says acted on: only the address
    /// that it comes from may be new.
    bool is_copy = false;
  };
  /// Opens a DATA packet in place, and counts it. nullopt if it is dropped. So is one that certainly met
  /// congestion, CE, with an inner packet that knows no ECN (RFC 6040, section 4.2): as if it had not come,
  /// for another copy may do.
  std::optional<Opened> open_data(LinkEpoch& epoch, const PacketHeader& header, Bytes packet, Origin& origin,
                                  OuterEcn ecn, TimePoint now);
  /// Opens a CONTROL packet in place. The caller counts it once it has acted on it, because a report in it
  /// speaks of what was sent before. Copies are dropped and counted here: a genuine one is returned all the
  /// same, and marked. nullopt if it is anything else that is dropped.
  std::optional<Opened> open_control(LinkEpoch& epoch, const PacketHeader& header, Bytes packet,
                                     Origin& origin, TimePoint now);
  struct Whole {
    ConstBytes frames;  ///< opened, and kept in `out`
    OuterEcn ecn;
  };
  /// Takes a fragment that came under this key, in a packet with this ECN. Returns the packet that it
  /// completes; nullopt if it completes none, or is dropped. A CONTROL packet in fragments may have a
  /// datagram and a FLOW_OPEN in front of it, or REPAIR, and no other frame: that could change what the
  /// packet around the fragment still needs.
  std::optional<Whole> add_fragment(LinkEpoch& epoch, const FragmentFrame& fragment, OuterEcn ecn,
                                    Output& out, TimePoint now);
  /// Reads the frames of an opened DATA packet: `on_datagram(const DatagramFrame&)`, and for any other
  /// `on_other(const Frame&)`, which returns whether a DATA packet may have it; if not, the rest is dropped.
  template <typename OnDatagram, typename OnOther>
  void read_data(ConstBytes frames, OnDatagram on_datagram, OnOther on_other) {
    if (const auto datagram = whole_datagram(frames)) {
      on_datagram(*datagram);
      return;
    }
    if (const auto inner = whole_ip(frames)) {
      if (!on_other(Frame{*inner})) context_.drops.add(Drop::unexpected_frame);
      return;
    }
    if (const auto error = check_frames(frames)) {
      context_.drops.add(*error);
      return;
    }
    FrameReader reader(frames);
    while (const auto frame = reader.next()) {
      if (const auto* datagram = std::get_if<DatagramFrame>(&*frame)) {
        on_datagram(*datagram);
      } else if (!on_other(*frame)) {
        context_.drops.add(Drop::unexpected_frame);
        return;
      }
    }
  }
  /// REPAIR came under this key, by a path that counts here.
  void add_repair(LinkEpoch& epoch, const RepairFrame& repair, PathTraffic& traffic, TimePoint now) {
    if (!epoch.keys().is_clear())
      traffic.repair_received_bytes += KeyEpoch::kControlOverhead + kRepairPrefixBytes + repair.symbol.size();
    if (const auto drop = repair_.on_repair(epoch, repair, now)) context_.drops.add(*drop);
  }
  /// To be called after each of these: the frames of DATA packets under the same key that it recovered, which
  /// are kept in `out`. Valid until the next call.
  const std::vector<ConstBytes>& take_recovered(LinkEpoch& epoch, Output& out, TimePoint now) {
    return repair_.take_recovered(epoch, out, now);
  }
  [[nodiscard]] const RepairReceiver& repair() const { return repair_; }
  /// Delivers the datagram to its flow: now, or when earlier ones have come. `is_recovered`: by repair.
  void deliver(FlowHandle flow, const DatagramFrame& datagram, bool is_recovered, Output& out,
               TimePoint now) {
    if (datagram.number) {
      order_.on_datagram({flow, *datagram.number, datagram.payload, is_recovered}, out, now);
    } else {
      order_.on_unnumbered(flow, out, now);
      out.deliver(flow, datagram.payload);
    }
  }
  /// The same of an inner packet, with this ECN, to the device. Whatever has no number waits for nothing.
  void deliver_inner(const IpFrame& frame, Ecn ecn, bool is_recovered, Output& out, TimePoint now);
  /// An inner packet came and does not go to the device: nothing waits for it.
  void skip_inner(const IpFrame& frame, Output& out, TimePoint now) {
    if (frame.number) order_.skip(tun_flow(frame.number->bucket), frame.number->number, out, now);
  }
  /// The peer sends each by one path, or does not any more.
  void on_ack_wanted(const AckWantedFrame& wanted, const LinkEpoch& epoch, TimePoint now) {
    acks_.on_wanted(wanted, epoch, now);
    order_.expect_by_one(acks_.is_on());
  }
  /// Those that are due.
  std::vector<Frame> take_acks(const LinkEpoch& epoch, TimePoint now) {
    std::vector<Frame> acks = acks_.take(epoch, now);
    order_.expect_by_one(acks_.is_on());
    return acks;
  }
  /// What the peer is to know of what came, if it wants to.
  [[nodiscard]] Acknowledger& acks() { return acks_; }
  [[nodiscard]] const Acknowledger& acks() const { return acks_; }
  [[nodiscard]] ReorderBuffer& order() { return order_; }
  [[nodiscard]] const ReorderBuffer& order() const { return order_; }
  /// Forgets fragments that are too old, what is not repaired any more, and what did not come; kNever: all.
  void expire(TimePoint now) {
    context_.drops.add(Drop::fragment_expired, fragments_.expire(now));
    repair_.expire(now);
    order_.expire(now);
  }
  [[nodiscard]] const FragmentAssembler& fragments() const { return fragments_; }

 private:
  void count_copy(LinkEpoch& epoch, const PacketHeader& header, Bytes packet, Origin& origin, TimePoint now);

  LinkContext& context_;
  FragmentAssembler fragments_;
  RepairReceiver repair_;
  ReorderBuffer order_;
  Acknowledger acks_;
};

}  // namespace mptunnel
