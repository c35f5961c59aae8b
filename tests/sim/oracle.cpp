#include "sim/oracle.h"

#include <algorithm>
#include <utility>

#include "mptunnel/wire/limits.h"

namespace mptunnel::sim {
namespace {

/// What an engine may take to notice that a key is over.
constexpr Duration kCleanUp = 4s;
/// Both ends keep few replaced epochs: a client that makes more within their lives loses the oldest.
constexpr int kReplacedKept = 3;
/// More than REPAIR covers, than a receiver waits for, and than are under way.
constexpr std::size_t kRecentData = 4096;
constexpr std::size_t kMostRecoverable = 4096;
/// How long a client waits for the server to confirm a key, at most.
constexpr Duration kUnconfirmedLife = 5s;

bool has_repair(const Packet& packet) {
  return std::any_of(packet.frames.begin(), packet.frames.end(),
                     [](const Frame& frame) { return std::holds_alternative<RepairFrame>(frame); });
}

bool has_inner(const Packet& packet) {
  return std::any_of(packet.frames.begin(), packet.frames.end(),
                     [](const Frame& frame) { return std::holds_alternative<IpFrame>(frame); });
}

bool is_numbered(const Packet& packet) {
  return std::any_of(packet.frames.begin(), packet.frames.end(), [](const Frame& frame) {
    const auto* datagram = std::get_if<DatagramFrame>(&frame);
    return datagram != nullptr && datagram->number;
  });
}

}  // namespace

void Oracle::name_flow(ProcessNumber client, std::uint64_t hash, std::uint16_t application) {
  applications_[{client, hash}] = application;
}

PacketPtr Oracle::emitted(const Emitter& by, ConstBytes bytes) {
  auto packet = std::make_shared<Packet>();
  packet->bytes.assign(bytes.begin(), bytes.end());
  const std::string name = by.repeats ? std::string(bytes.begin(), bytes.end()) : std::string();
  if (by.repeats) {
    if (const auto known = repeated_.find(name); known != repeated_.end()) return known->second;
  }
  packet->sender = by.side;
  packet->process = by.process;
  packet->made = events_.now();
  const auto header = decode_header(bytes);
  packet->type = header ? header->type : PacketType{};
  if (packet->type == PacketType::handshake1 || packet->type == PacketType::handshake2) {
    read_handshake(by, bytes);
  } else if (packet->type == PacketType::cookie && by.side == Side::server) {
    if (bytes.size() != kHandshakeAroundBytes) journal_.fail("a COOKIE of {} bytes", bytes.size());
  } else if (const auto error = observer_.read(*packet)) {
    journal_.fail("process {} made {} of {} bytes", by.process, *error, bytes.size());
    packet->epoch.reset();
  } else {
    if (by.side == Side::client && !packet->epoch->accepted) client_accepted(*packet->epoch);
    for (const Frame& frame : packet->frames) {
      if (const auto* handshake = std::get_if<HandshakeFrame>(&frame)) read_handshake(by, handshake->packet);
    }
    read_datagram(*packet);
    const bool is_of_use = packet->datagram || has_repair(*packet) || has_inner(*packet);
    if (is_of_use && packet->bytes.size() > kLeastMtu)
      emitted_[{packet->epoch.get(), packet->sender, packet->type, packet->number}] = packet;
    read_fragment(by, *packet);
    if (packet->datagram && packet->type == PacketType::data) {
      auto& recent = recent_[{packet->epoch.get(), packet->sender}];
      recent.push_back(packet);
      if (recent.size() > kRecentData) recent.pop_front();
    }
    if (by.repeats && (is_of_use || packet->part_of)) repeated_.emplace(name, packet);
  }
  return packet;
}

void Oracle::read_handshake(const Emitter& by, ConstBytes bytes) {
  if (by.side == Side::client) {
    if (!observer_.on_handshake1(by.process, *by.identity, bytes, *by.random, *by.key))
      journal_.fail("a HANDSHAKE 1 that can't be read, or that differs from its repeats");
    return;
  }
  if (!observer_.on_handshake2(by.process, bytes, events_.now()).first && !is_handshake1_forged_)
    journal_.fail("a HANDSHAKE 2 that can't be read");
  if (bytes.size() > kHandshake1Bytes) journal_.fail("a HANDSHAKE 2 of {} bytes", bytes.size());
}

void Oracle::read_fragment(const Emitter& by, Packet& packet) {
  if (packet.frames.empty()) return;
  const auto* fragment = std::get_if<FragmentFrame>(&packet.frames.back());
  if (fragment == nullptr) return;
  const PacketName name{packet.epoch.get(), packet.sender, fragment->type, fragment->number.value};
  auto& whole = fragmented_[name];
  if (!whole) {
    whole = std::make_shared<Fragmented>();
    const SessionIndex index =
        packet.sender == Side::client ? packet.epoch->server_index : packet.epoch->client_index;
    whole->bytes.resize(kHeaderBytes + fragment->total);
    encode_header({fragment->type, index, fragment->number}, whole->bytes);
    whole->sent.resize(fragment->total);
    whole->missing = fragment->total;
  }
  packet.part_of = whole;
  if (whole->sent.size() != fragment->total) {
    journal_.fail("fragments of one packet do not agree on its size");
    return;
  }
  std::copy(fragment->bytes.begin(), fragment->bytes.end(),
            whole->bytes.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes + fragment->offset));
  for (std::size_t i = 0; i < fragment->bytes.size(); ++i) {
    if (whole->sent[fragment->offset + i]) journal_.fail("a byte of a packet is in two fragments");
    whole->sent[fragment->offset + i] = true;
  }
  whole->missing -= std::min(whole->missing, fragment->bytes.size());
  if (whole->missing > 0) return;
  whole->whole = emitted_[name];
  if (!whole->whole) {
    whole->whole = emitted(by, whole->bytes);
  } else if (whole->whole->bytes != whole->bytes) {
    journal_.fail("fragments do not add up to their packet");
  }
  fragmented_.erase(name);
}

Oracle::Duty Oracle::duty_of(const Packet& packet, Side side, bool has_session) const {
  const Epoch& epoch = *packet.epoch;
  const Duty duty = side == Side::server ? duty_of_server(epoch, has_session) : duty_of_client(epoch);
  const bool is_late = events_.now() - packet.made >= kReorderAge || epoch.numbers_may_jump;
  return duty == Duty::must && is_late ? Duty::may : duty;
}

void Oracle::expect_fragment(const Packet& packet, Side side, ProcessNumber process, bool has_session) {
  Fragmented& all = *packet.part_of;
  if (!all.whole || !all.whole->datagram || all.whole->delivered) return;
  const Duty duty = duty_of(packet, side, has_session);
  if (duty == Duty::none) return;
  const auto& fragment = std::get<FragmentFrame>(packet.frames.back());
  const auto [found, is_first] = all.arrived.try_emplace(process);
  Fragmented::Arrived& arrived = found->second;
  if (is_first) arrived = {std::vector<bool>(all.sent.size()), all.sent.size(), events_.now(), true};
  arrived.is_certain =
      arrived.is_certain && duty == Duty::must && events_.now() - arrived.first <= kFragmentLife;
  const bool was_whole = arrived.missing == 0;
  for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
    if (!arrived.bytes[fragment.offset + i]) --arrived.missing;
    arrived.bytes[fragment.offset + i] = true;
  }
  if (arrived.missing > 0) return;
  // Duplicates may make whole what was forgotten when it first was not.
  const bool is_must = arrived.is_certain && !was_whole && !all.whole->came;
  all.whole->came = all.whole->came || is_must;
  all.whole->may_have_come = true;
  const ConstBytes payload = all.whole->datagram->payload;
  expected_.push_back({all.whole, {payload.begin(), payload.end()}, is_must ? Duty::must : Duty::may});
}

void Oracle::finish() {
  if (observer_.left_out() > 0)
    journal_.fail("{} DATA packets were sealed and never sent", observer_.left_out());
}

void Oracle::client_accepted(Epoch& accepted) {
  accepted.accepted = events_.now();
  for (const auto& epoch : observer_.epochs()) {
    if (epoch->client == accepted.client && epoch->accepted) ++epoch->newer_at_client;
  }
  accepted.newer_at_client = 0;
}

void Oracle::read_datagram(Packet& packet) {
  for (const Frame& frame : packet.frames) {
    const ProcessNumber client = packet.epoch->client;
    if (const auto* open = std::get_if<FlowOpenFrame>(&frame)) {
      packet.opens_flow = true;
      const auto application = applications_.find({client, open->hash});
      if (application == applications_.end()) {
        journal_.fail("a flow is opened for no application");
      } else {
        flows_[{client, open->flow}] = application->second;
      }
    } else if (std::holds_alternative<IpFrame>(frame)) {
      ++accounts_[packet.process].sealed;
    } else if (const auto* datagram = std::get_if<DatagramFrame>(&frame)) {
      const auto application = flows_.find({client, datagram->flow});
      const auto record = application == flows_.end()
                              ? std::nullopt
                              : ledger_.sealed(datagram->payload, application->second, packet.process);
      if (!record) {
        journal_.fail("a datagram of {} bytes is sealed that nobody offered, or for the second time: {}",
                      datagram->payload.size(), describe(packet));
        return;
      }
      ++accounts_[packet.process].sealed;
      packet.datagram = Content{datagram->flow, datagram->payload, *record, application->second};
    }
  }
}

std::optional<ConstBytes> Oracle::readable(const Copy& copy) {
  const Packet& packet = *copy.packet;
  if (!copy.altered) return packet.datagram->payload;
  if (packet.type != PacketType::data || !packet.epoch->is_clear()) return std::nullopt;
  // In the clear, what the network alters behind the checked head is delivered as it came; the length is
  // checked.
  const std::size_t head = packet.clear_head();
  const std::vector<std::uint8_t>& bytes = *copy.altered;
  if (bytes.size() != packet.bytes.size() ||
      !std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(head), packet.bytes.begin())) {
    return std::nullopt;
  }
  return ConstBytes(bytes).subspan(head);
}

void Oracle::expect(const Copy& copy, Side side, ProcessNumber process, bool has_session) {
  if (!copy.packet || !copy.packet->epoch || copy.packet->sender == side) return;
  Packet& packet = *copy.packet;
  Epoch& epoch = *packet.epoch;
  if (process != (side == Side::server ? epoch.server : epoch.client)) return;
  if (side == Side::client && copy.is_genuine() && !packet.frames.empty() &&
      std::holds_alternative<CloseFrame>(packet.frames.front())) {
    epoch.closed_to_client = true;
  }
  if (packet.part_of && copy.is_genuine()) expect_fragment(packet, side, process, has_session);
  if (copy.is_genuine() && duty_of(packet, side, has_session) != Duty::none) note_repair(packet);
  if (!packet.datagram || packet.came || packet.delivered) return;
  const auto payload = readable(copy);
  if (!payload) return;
  Duty duty = duty_of(packet, side, has_session);
  if (duty == Duty::must && packet.may_have_come) duty = Duty::may;
  if (duty == Duty::none) return;
  packet.came = duty == Duty::must;
  expected_.push_back({copy.packet, {payload->begin(), payload->end()}, duty});
}

Oracle::Duty Oracle::duty_of_server(const Epoch& epoch, bool has_session) const {
  const TimePoint now = events_.now();
  if (!epoch.adopted || !has_session || now - epoch.answered >= kRejectAfter) return Duty::none;
  if (!epoch.server_replaced || now - *epoch.server_replaced < kOldKeyOpensFor) {
    return epoch.newer_at_server > kReplacedKept ? Duty::may : Duty::must;
  }
  return now - *epoch.server_replaced > kOldKeyOpensFor + kCleanUp ? Duty::none : Duty::may;
}

Oracle::Duty Oracle::duty_of_client(const Epoch& epoch) const {
  const TimePoint now = events_.now();
  if (!epoch.accepted || now - *epoch.accepted >= kRejectAfter) return Duty::none;
  if (epoch.newer_at_client > kReplacedKept || (!epoch.confirmed && epoch.closed_to_client)) return Duty::may;
  if (epoch.confirmed && !epoch.client_replaced) return Duty::must;
  const TimePoint since = epoch.confirmed ? *epoch.client_replaced : *epoch.accepted;
  if (now - since < kOldKeyOpensFor) return Duty::must;
  return now - since > kOldKeyOpensFor + kUnconfirmedLife + kCleanUp ? Duty::none : Duty::may;
}

void Oracle::note_repair(const Packet& packet) {
  // REPAIR that comes in parts may be whole by now: then its packet is not looked at apart.
  const Packet& whole = packet.part_of && packet.part_of->whole ? *packet.part_of->whole : packet;
  for (const Frame& frame : whole.frames) {
    const auto* repair = std::get_if<RepairFrame>(&frame);
    if (repair == nullptr) continue;
    // Those in fragments come behind others: the numbers do not ascend.
    for (const PacketPtr& covered : recent_[{packet.epoch.get(), packet.sender}]) {
      const bool is_covered =
          covered->number >= repair->first.value && covered->number - repair->first.value < repair->count;
      if (is_covered && !covered->delivered && !std::exchange(covered->may_be_recovered, true))
        recoverable_.push_back(covered);
    }
  }
  while (recoverable_.size() > kMostRecoverable) recoverable_.pop_front();
}

PacketPtr Oracle::find_recovered(ConstBytes payload) {
  for (const PacketPtr& packet : recoverable_) {
    const ConstBytes own = packet->datagram->payload;
    if (!packet->delivered && std::equal(payload.begin(), payload.end(), own.begin(), own.end()))
      return packet;
  }
  return nullptr;
}

PacketPtr Oracle::find_expected(ConstBytes payload, std::vector<Expected>::iterator& next) {
  const auto is_it = [&](const Expected& expected) {
    return !expected.packet->delivered &&
           std::equal(payload.begin(), payload.end(), expected.payload.begin(), expected.payload.end());
  };
  const auto waited = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](const Waiting& waiting) { return is_it(waiting.expected); });
  if (waited != waiting_.end()) return waited->expected.packet;
  const auto in_turn = std::find_if(next, expected_.end(), is_it);
  if (in_turn != expected_.end()) {
    next = std::next(in_turn);
    return in_turn->packet;
  }
  const auto found = std::find_if(expected_.begin(), next, [&](const Expected& expected) {
    return is_it(expected) && is_numbered(*expected.packet);
  });
  return found == next ? nullptr : found->packet;
}

std::uint64_t Oracle::put_off(ProcessNumber process) {
  std::uint64_t put_off = 0;
  std::erase_if(waiting_, [](const Waiting& waiting) { return waiting.expected.packet->delivered; });
  std::vector<Expected> owed;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (waiting.process != process || events_.now() <= waiting.until) return false;
    waiting.expected.has_waited = true;
    owed.push_back(std::move(waiting.expected));
    return true;
  });
  for (Expected& one : expected_) {
    if (longest_hold_ && !one.packet->delivered && is_numbered(*one.packet)) {
      waiting_.push_back({std::move(one), process, events_.now() + *longest_hold_});
      ++put_off;
    } else {
      owed.push_back(std::move(one));
    }
  }
  expected_ = std::move(owed);
  return put_off;
}

void Oracle::stalled(ProcessNumber process, TimePoint until) {
  for (Waiting& waiting : waiting_) {
    if (waiting.process == process) waiting.until = std::max(waiting.until, until + *longest_hold_);
  }
}

std::vector<PacketPtr> Oracle::delivered(ProcessNumber process, const std::vector<ConstBytes>& payloads,
                                         std::uint64_t excuses) {
  std::vector<PacketPtr> packets;
  // What came is delivered in the order in which it came, but for what may have been recovered before.
  auto next = expected_.begin();
  for (const ConstBytes payload : payloads) {
    const auto before = next;
    PacketPtr packet = find_expected(payload, next);
    if (!packet || packet->may_be_recovered) {
      next = before;
      packet = find_recovered(payload);
      if (packet && !packet->came) ++recovered_;
    }
    packets.push_back(packet);
    if (!packet) {
      journal_.fail("a datagram of {} bytes is delivered that did not come, came before, or was altered",
                    payload.size());
      continue;
    }
    packet->delivered = true;
    ledger_[packet->datagram->record].delivered = true;
  }
  const std::uint64_t put_off = this->put_off(process);
  const auto is_owed = [](const Expected& one) { return one.duty == Duty::must && !one.packet->delivered; };
  // A recovered datagram may have been dropped, with a reason, before a copy of its packet came; and one that
  // might have waited when it came.
  for (const Expected& one : expected_) {
    if (excuses_before_ == 0) break;
    if (!is_owed(one) || !(one.packet->may_be_recovered || one.has_waited)) continue;
    one.packet->delivered = true;
    --excuses_before_;
  }
  const auto skipped = static_cast<std::uint64_t>(std::count_if(expected_.begin(), expected_.end(), is_owed));
  if (excuses > skipped) {
    const std::uint64_t spare = excuses - skipped;
    excuses_before_ += recoverable_.empty() ? std::min(spare, put_off) : spare;
  }
  if (skipped > excuses) {
    const auto one = std::find_if(expected_.begin(), expected_.end(), is_owed);
    journal_.fail("{} datagrams came and were not delivered, {} are accounted for; one is {}", skipped,
                  excuses, describe(*one->packet));
  }
  excused_ += std::min(skipped, excuses);
  expected_.clear();
  return packets;
}

void Oracle::client_uses(ProcessNumber client, std::optional<SessionIndex> index) {
  std::shared_ptr<Epoch>& current = current_[client];
  if (index ? current && current->client_index == *index : !current) return;
  if (current) current->client_replaced = events_.now();
  current.reset();
  if (!index) return;
  for (const auto& epoch : observer_.epochs()) {
    if (epoch->client == client && epoch->client_index == *index) current = epoch;
  }
  if (current) {
    current->confirmed = events_.now();
  } else {
    journal_.fail("a client uses a key that no handshake made");
  }
}

void Oracle::allow_jump(ProcessNumber sender, SessionIndex receiver_index) {
  for (const auto& epoch : observer_.epochs()) {
    const bool is_it = (epoch->client == sender && epoch->server_index == receiver_index) ||
                       (epoch->server == sender && epoch->client_index == receiver_index);
    if (is_it) epoch->numbers_may_jump = true;
  }
}

void Oracle::server_adopted(Epoch& adopted, SessionHandle session) {
  adopted.adopted = events_.now();
  adopted.session = session;
  for (const auto& epoch : observer_.epochs()) {
    if (epoch.get() == &adopted || epoch->server != adopted.server || !epoch->adopted) continue;
    if (epoch->session != session) continue;
    if (!epoch->server_replaced) epoch->server_replaced = events_.now();
    ++epoch->newer_at_server;
  }
}

void Oracle::counted(Side side, ProcessNumber process, const DropCounters& before, const DropCounters& after,
                     bool is_offer) {
  emitted_.clear();
  const auto since = [&](Drop reason) { return after[reason] - before[reason]; };
  if (journal_.is_tracing()) {
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      const auto reason = static_cast<Drop>(i);
      if (since(reason) > 0)
        journal_.trace("    process {} drops {}: {}", process, since(reason), name_of(reason));
    }
  }
  Account& account = accounts_[process];
  account.dropped += since(Drop::too_large) + since(Drop::queue_full) + since(Drop::queue_expired) +
                     since(Drop::queue_delay);
  account.dropped += since(Drop::inner_unsupported);
  if (side == Side::client) account.dropped += since(Drop::flow_limit);
  if (is_offer) {
    account.dropped += since(Drop::no_path) + since(Drop::flow_unknown) + since(Drop::inner_unowned);
  } else {
    account.maybe_dropped += since(Drop::flow_unknown);
  }
  account.maybe_dropped += since(Drop::key_expired) + since(Drop::number_limit);
}

void Oracle::close_books(ProcessNumber process, std::size_t unknown) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    const Expected& one = waiting.expected;
    if (waiting.process != process) return false;
    const bool is_owed = one.duty == Duty::must && !one.packet->delivered && events_.now() > waiting.until;
    if (is_owed && excuses_before_ > 0) {
      --excuses_before_;
    } else if (is_owed) {
      journal_.fail("a datagram was held to the end: {}", describe(*one.packet));
    }
    return true;
  });
  const Account& account = accounts_[process];
  const std::uint64_t gone = account.offered - account.sealed;
  if (gone < account.dropped || gone > account.dropped + account.maybe_dropped + unknown) {
    journal_.fail("of {} datagrams process {} sealed {} and counted {} as dropped (and at most {} more)",
                  account.offered, process, account.sealed, account.dropped, account.maybe_dropped + unknown);
  }
}

}  // namespace mptunnel::sim
