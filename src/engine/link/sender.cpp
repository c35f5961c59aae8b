#include "mptunnel/engine/link/sender.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/cursor.h"

namespace mptunnel {
namespace {

/// Of the paths that were seen to carry what they are taken to, the one that carries least.
std::optional<PathId> smallest_of(const PathViews& paths) {
  std::optional<PathId> smallest;
  for (const PathId path : paths.certain()) {
    if (!smallest || paths.of(path).mtu <= paths.of(*smallest).mtu) smallest = path;
  }
  return smallest;
}

/// Whether packets may get a number some time.
bool may_number(const OrderSettings& order, const LinkEpoch& epoch, FrameType numbered) {
  return order.mode != OrderSettings::Mode::none && epoch.can_number(numbered);
}

}  // namespace

void Sender::send(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths,
                  Output& out, TimePoint now) {
  if (flow.may_leave() && can_send(paths, now) && leaves(flow, payload, marks, paths, out, now)) return;
  if (!queue_.push(flow.handle, payload, now, marks)) lose(Drop::queue_full, 1);
  context_.drops.add(Drop::queue_full, context_.waiting.take_dropped());
}

void Sender::lose(Drop reason, std::uint64_t datagrams) {
  context_.drops.add(reason, datagrams);
  untaken_ += datagrams;
}

bool Sender::leaves(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths,
                    Output& out, TimePoint now) {
  if (goes_by_one(flow, payload.size(), marks, now)) {
    send_by_one(flow, payload, marks, paths, out, now);
    return true;
  }
  const Decision decision = scheduler_->choose(paths, {payload.size(), flow.handle, marks.dscp}, now);
  if (decision.is_to_leave(now)) {
    if (aggregation_) aggregation_->charge(decision.paths, payload.size() + kTypicalOverhead, now);
    seal(flow, number_of(flow, payload.size(), now), payload, marks, decision.paths, paths, out, now);
    return true;
  }
  if (!decision.paths.empty()) resume_ = std::min(resume_, decision.when);
  return false;
}

Sender::Number Sender::number_of(const OutgoingFlow& flow, std::size_t payload, TimePoint now) {
  const bool has_one = payload <= kMaxPacketBytes && is_numbering(flow);
  return has_one ? numbers_.next(flow.handle, payload, now) : std::nullopt;
}

void Sender::seal(const OutgoingFlow& flow, Number number, ConstBytes payload, Marks marks, PathSet chosen,
                  const PathViews& paths, Output& out, TimePoint now) {
  if (payload.size() > kMaxPacketBytes) {
    context_.drops.add(Drop::too_large);
    return;
  }
  KeyEpoch& keys = link_.current()->keys();
  if (flow.is_inner && !link_.current()->can_carry_inner()) {
    lose(Drop::inner_unsupported, 1);
    return;
  }
  std::array<std::uint8_t, 20> head{};
  ByteWriter writer(head);
  write_prefix(flow, number, writer);
  const ConstBytes prefix = ConstBytes(head).first(writer.written());

  // A clear packet can't open a flow: until the peer has acknowledged it, the datagram travels sealed.
  const bool is_control = flow.open && keys.is_clear();
  const std::size_t overhead = is_control ? KeyEpoch::kControlOverhead : keys.data_overhead();
  const std::size_t size = overhead + prefix.size() + payload.size();
  const Bytes packet = out.make_packet(size);
  const auto sealed = is_control ? keys.seal_control(prefix, payload, packet, now)
                                 : keys.seal_data(prefix, payload, packet, now);
  if (!sealed) {
    out.discard_packet(size);
    context_.drops.add(sealed.error());
    return;
  }
  if (!is_control) repair_.on_data(*link_.current(), prefix, payload, marks.dscp, now);
  const bool is_in_parts = send_sealed(size, marks, chosen, paths, out, now);
  watch_.count(is_in_parts);
  // The fragments count as they leave.
  if (is_in_parts && aggregation_) aggregation_->refund(paths.too_small_for(size, chosen), size);
}

void Sender::write_prefix(const OutgoingFlow& flow, Number number, ByteWriter& out) {
  if (flow.open) encode_frame(FlowOpenFrame{*flow.id, *flow.open}, out);
  if (flow.is_inner) {
    encode_ip_prefix(number ? std::optional(InnerNumber{bucket_of(flow.handle), *number}) : std::nullopt,
                     out);
  } else if (number) {
    encode_numbered_prefix(*flow.id, *number, out);
  } else {
    encode_datagram_prefix(*flow.id, out);
  }
}

bool Sender::is_numbering(const OutgoingFlow& flow) const {
  const bool can_number =
      link_.current()->can_number(flow.is_inner ? FrameType::ip_numbered : FrameType::numbered);
  switch (context_.order.mode) {
    case OrderSettings::Mode::none:
      return false;
    case OrderSettings::Mode::automatic:
      return can_number && (repair_.is_on() || is_aggregating());
    case OrderSettings::Mode::always:
      return can_number;
  }
  return false;
}

bool Sender::send_sealed(std::size_t size, Marks marks, PathSet chosen, const PathViews& paths, Output& out,
                         TimePoint now) {
  MPT_ASSERT((chosen - paths.paths()).empty());
  const Leaving how{marks, delayed_.empty() ? Duration{} : delayed_.least_of(chosen)};
  if (size > kBaseMtu) large_to_ |= chosen;
  const PathSet too_small = paths.too_small_for(size, chosen);
  if (const PathSet in_parts = too_small | doubtful_for(size, chosen, paths); !in_parts.empty())
    large_.push_back({out.arena.size() - size, size, in_parts, paths.certain_mtu(in_parts), how});
  // If nobody gets it whole its bytes stay all the same, for the fragments.
  if (const PathSet whole = chosen - too_small; !whole.empty())
    leave(size, whole, how, link_.current()->index(), out, now);
  return !too_small.empty();
}

PathSet Sender::doubtful_for(std::size_t size, PathSet chosen, const PathViews& paths) const {
  const bool is_in_doubt = size > kBaseMtu && (chosen - paths.doubted()).empty();
  return is_in_doubt && link_.current()->keys().peer_knows(FrameType::fragment) ? chosen : PathSet{};
}

void Sender::leave(std::size_t size, PathSet paths, const Leaving& how, SessionIndex epoch, Output& out,
                   TimePoint now) {
  if (kept_.is_keeping(now)) kept_.keep(ConstBytes(out.arena).last(size), how.marks, epoch, now);
  if (!delayed_.empty()) {
    const ConstBytes packet = ConstBytes(out.arena).last(size);
    const PathSet at_once = delayed_.take(packet, paths, how.least_delay, how.marks, epoch, now);
    context_.drops.add(Drop::delay_missed, delayed_.take_missed());
    paths = at_once;
  }
  marks_.note(how.marks.dscp);
  // If each gets it later, the bytes stay: fragments may still be made of them.
  if (paths.empty()) return;
  const std::size_t first = out.runs.size();
  out.send(size, paths, session_, epoch, how.marks, true);
  if (out.runs.size() > first) leave_marks_out(out, first);
}

void Sender::resend_kept(PathId path, Output& out, TimePoint now) {
  const std::size_t first = out.runs.size();
  kept_.resend(path, out, session_, now);
  leave_marks_out(out, first);
}

void Sender::release_delayed(PathSet paths, Output& out, TimePoint now) {
  const std::size_t first = out.runs.size();
  delayed_.release(paths, out, session_, now);
  leave_marks_out(out, first);
  context_.drops.add(Drop::delay_missed, delayed_.take_missed());
}

void Sender::leave_marks_out(Output& out, std::size_t first) const {
  for (std::size_t i = first; i < out.runs.size(); ++i)
    out.runs[i].unmarked = marks_.vanishing(out.runs[i].marks.dscp) & out.runs[i].paths;
}

std::vector<MarkWatch::News> Sender::check_marks(const PathViews& paths, Duration slowest, Output& out,
                                                 TimePoint now) {
  if (now < marks_.deadline()) return {};
  LinkEpoch* epoch = link_.current();
  if (epoch == nullptr || !link_.can_seal(now) || !epoch->keys().peer_knows(FrameType::mark_probe)) {
    marks_.pause(now);
    return {};
  }
  MarkWatch::Work work = marks_.run(paths, slowest, now);
  for (const MarkWatch::Probe& probe : work.probes) {
    send_control(*epoch, {MarkProbeFrame{probe.path, probe.sequence}}, PathSet::of(probe.path), out, now, 0,
                 probe.dscp);
  }
  return std::move(work.news);
}

PathSet Sender::finish(const PathViews& paths, Output& out, TimePoint now) {
  send_repairs(paths, out, now);
  if (is_aggregating()) {
    if (const auto wanted = aggregation_->ask(paths, now))
      send_control(*link_.current(), {*wanted}, paths.paths(), out, now);
  }
  for (const LargePacket& large : large_) {
    const auto sent = send_fragments(large, out, now);
    if (!sent) context_.drops.add(sent.error());
  }
  large_.clear();
  return std::exchange(large_to_, PathSet{});
}

PathSet Sender::send_due_repairs(const PathViews& paths, Output& out, TimePoint now) {
  if (now < repair_.deadline()) return {};
  repair_.on_deadline(now);
  return finish(paths, out, now);
}

void Sender::send_repairs(const PathViews& paths, Output& out, TimePoint now) {
  while (const auto made = repair_.next(link_.current(), paths, now)) {
    std::array<std::uint8_t, kRepairPrefixBytes> head{};
    ByteWriter writer(head);
    encode_repair_prefix(made->frame, writer);
    const std::size_t size = KeyEpoch::kControlOverhead + head.size() + made->frame.symbol.size();
    const Bytes packet = out.make_packet(size);
    const auto sealed = link_.current()->keys().seal_control(head, made->frame.symbol, packet, now);
    if (!sealed) {
      out.discard_packet(size);
      context_.drops.add(sealed.error());
      return;
    }
    link_.current()->path(made->path).repair_sent_bytes += size;
    send_sealed(size, {made->dscp}, PathSet::of(made->path), paths, out, now);
  }
}

tl::expected<void, Drop> Sender::send_fragments(const LargePacket& packet, Output& out, TimePoint now) {
  KeyEpoch& keys = link_.current()->keys();
  if (!keys.peer_knows(FrameType::fragment)) return tl::unexpected(Drop::unknown_frame);
  const auto header = decode_header(ConstBytes(out.arena).subspan(packet.offset, packet.size));
  const std::size_t total = packet.size - kHeaderBytes;
  const std::size_t room = packet.mtu - KeyEpoch::kControlOverhead - kFragmentPrefixBytes;
  const std::size_t count = (total + room - 1) / room;
  const std::size_t length = (total + count - 1) / count;
  for (std::size_t at = 0; at < total; at += length) {
    std::array<std::uint8_t, kFragmentPrefixBytes> head{};
    ByteWriter writer(head);
    encode_fragment_prefix(
        {header->type, header->number, static_cast<std::uint32_t>(total), static_cast<std::uint32_t>(at), {}},
        writer);
    const std::size_t part = std::min(length, total - at);
    const std::size_t size = KeyEpoch::kControlOverhead + head.size() + part;
    const Bytes place = out.make_packet(size);
    // Only now: the arena may have moved.
    const ConstBytes body = ConstBytes(out.arena).subspan(packet.offset + kHeaderBytes + at, part);
    if (const auto sealed = keys.seal_control(head, body, place, now); !sealed) {
      out.discard_packet(size);
      return tl::unexpected(sealed.error());
    }
    leave(size, packet.paths, packet.leaving, keys.local_index(), out, now);
  }
  return {};
}

PathSet Sender::flush(const PathViews& paths, const FindFlow& find, Output& out, TimePoint now) {
  // Each datagram that goes on waiting sets it anew. Without a path or a key there is no time to wait for.
  resume_ = kNever;
  if (aggregation_) aggregation_->pause();
  if (aggregation_) lose_waiting(now);
  if (!has_waiting() || !can_send(paths, now)) return {};
  if (aggregation_) pump(paths, find, out, now);
  queue_.drain([&](const DatagramQueue::Item& item) {
    const std::optional<OutgoingFlow> flow = find(item.flow);
    if (!flow) {
      context_.drops.add(Drop::flow_unknown);
      return true;
    }
    return flow->may_leave() && leaves(*flow, item.payload, item.marks, paths, out, now);
  });
  return finish(paths, out, now);
}

std::optional<std::size_t> Sender::largest_frames(const PathViews& paths) const {
  const auto smallest = smallest_of(paths);
  if (link_.current() == nullptr || !smallest) return std::nullopt;
  const LinkEpoch& epoch = *link_.current();
  std::size_t overhead = epoch.keys().data_overhead();
  // A REPAIR packet is as long as the longest that it repairs, and this more: it is to go whole as well.
  if (repair_.plan() != nullptr && epoch.can_repair())
    overhead = KeyEpoch::kControlOverhead + kRepairPrefixBytes + kRepairLengthBytes;
  return paths.of(*smallest).mtu - overhead;
}

std::optional<std::size_t> Sender::largest_whole(const PathViews& paths) const {
  const auto largest = largest_frames(paths);
  if (!largest) return std::nullopt;
  const bool has_number = may_number(context_.order, *link_.current(), FrameType::numbered);
  return *largest - datagram_prefix_bytes(FlowId{0}) - (has_number ? kNumberBytes : 0);
}

std::optional<std::size_t> Sender::largest_inner(const PathViews& paths) const {
  const auto largest = largest_frames(paths);
  if (!largest || !link_.current()->can_carry_inner()) return std::nullopt;
  const bool has_number = may_number(context_.order, *link_.current(), FrameType::ip_numbered);
  return *largest - kIpPrefixBytes - (has_number ? kInnerNumberBytes : 0);
}

std::optional<Fragmenting> Sender::check_fragmenting(const PathViews& paths, TimePoint now) {
  const auto share = watch_.check(now);
  const auto largest = largest_whole(paths);
  if (!share || !largest) return std::nullopt;
  Fragmenting event;
  event.share = *share;
  event.largest = *largest;
  event.path = *smallest_of(paths);
  return event;
}

}  // namespace mptunnel
