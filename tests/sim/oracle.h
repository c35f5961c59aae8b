// What must come of each packet: follows every datagram from where it is offered to where it is delivered,
// and says what went wrong.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mptunnel/base/drop.h"
#include "sim/event_queue.h"
#include "sim/inner_ledger.h"
#include "sim/journal.h"
#include "sim/observer.h"
#include "sim/payload.h"

namespace mptunnel::sim {

/// An engine, as the oracle needs to know it.
struct Emitter {
  Side side{};
  ProcessNumber process = 0;
  // Of a client only.
  const ClientIdentity* identity = nullptr;
  const RecordingRandom* random = nullptr;
  const std::optional<SecretKey>* key = nullptr;
  bool repeats = false;  ///< may send the very bytes of a datagram's packet again, later: by another path
};

/// What became of the datagrams that one process was given.
struct Account {
  std::uint64_t offered = 0;
  std::uint64_t sealed = 0;
  std::uint64_t dropped = 0;        ///< by a counter that counts nothing else
  std::uint64_t maybe_dropped = 0;  ///< by one that counts packets of the network as well
};

class Oracle {
 public:
  Oracle(const EventQueue& events, Journal& journal) : events_(events), journal_(journal) {}

  Ledger& ledger() { return ledger_; }
  /// Of packets of TUN devices, which have no flow.
  InnerLedger& inner() { return inner_; }

  /// This hash in a client's FLOW_OPEN means this application.
  void name_flow(ProcessNumber client, std::uint64_t hash, std::uint16_t application);

  /// In the present call a server reads a HANDSHAKE 1 that the network made: its answer is for nobody.
  void forgive_handshake2(bool is_forged) { is_handshake1_forged_ = is_forged; }
  /// An engine made this packet.
  PacketPtr emitted(const Emitter& by, ConstBytes bytes);

  /// Datagrams with numbers may wait for earlier ones for so long.
  void allow_holding(Duration longest) { longest_hold_ = longest; }

  // What a call of an engine must deliver.

  /// This copy is given to the process in the present call. `has_session`: server only: whether the epoch's
  /// session is in its table.
  void expect(const Copy& copy, Side side, ProcessNumber process, bool has_session);
  /// The call delivered these payloads, and counted `excuses` datagrams that came and could not be delivered.
  /// Returns the packet of each.
  std::vector<PacketPtr> delivered(ProcessNumber process, const std::vector<ConstBytes>& payloads,
                                   std::uint64_t excuses);

  /// The process is not scheduled until then: what waits in it leaves later.
  void stalled(ProcessNumber process, TimePoint until);

  // The lives of key epochs.

  /// The epoch that the client seals with now, after a call.
  void client_uses(ProcessNumber client, std::optional<SessionIndex> index);
  /// A test made this process's numbers towards that index jump.
  void allow_jump(ProcessNumber sender, SessionIndex receiver_index);
  /// The server has it in this session now.
  void server_adopted(Epoch& epoch, SessionHandle session);

  // The books.

  /// Datagrams went into a process.
  void offered(ProcessNumber process, std::size_t count) { accounts_[process].offered += count; }
  /// What a process counted during one call. `is_offer`: the call gave it datagrams of the application.
  void counted(Side side, ProcessNumber process, const DropCounters& before, const DropCounters& after,
               bool is_offer);
  /// The process is killed now: how many datagrams and inner packets may have waited in its queue.
  [[nodiscard]] std::size_t offered_lately(ProcessNumber process, Duration span) const {
    const TimePoint since = events_.now() - span;
    return ledger_.offered_since(process, since) + inner_.offered_since(process, since);
  }
  /// The process ends: its books must balance. `unknown` datagrams may have waited in its queue.
  void close_books(ProcessNumber process, std::size_t unknown);

  /// The end of the run: whatever was sealed must have been sent.
  void finish();

  [[nodiscard]] std::uint64_t lost_to_excuses() const { return excused_; }
  /// Datagrams that were delivered though no copy of them had come.
  [[nodiscard]] std::uint64_t recovered() const { return recovered_; }

 private:
  enum class Duty : std::uint8_t { none, may, must };
  struct Expected {
    PacketPtr packet;
    std::vector<std::uint8_t> payload;
    Duty duty = Duty::none;
    bool has_waited = false;
  };
  /// It came, and may wait for an earlier one of its flow.
  struct Waiting {
    Expected expected;
    ProcessNumber process{};
    TimePoint until;
  };

  void read_datagram(Packet& packet);
  void read_handshake(const Emitter& by, ConstBytes bytes);
  void read_fragment(const Emitter& by, Packet& packet);
  void expect_fragment(const Packet& packet, Side side, ProcessNumber process, bool has_session);
  [[nodiscard]] Duty duty_of(const Packet& packet, Side side, bool has_session) const;
  void client_accepted(Epoch& accepted);
  [[nodiscard]] Duty duty_of_server(const Epoch& epoch, bool has_session) const;
  [[nodiscard]] Duty duty_of_client(const Epoch& epoch) const;
  static std::optional<ConstBytes> readable(const Copy& copy);
  void note_repair(const Packet& packet);
  /// What came, or waited, and has this payload: not before `next` if it has no number.
  PacketPtr find_expected(ConstBytes payload, std::vector<Expected>::iterator& next);
  /// What waits for an earlier one is owed later, and what has waited for too long is owed now.
  /// Returns how many are.
  std::uint64_t put_off(ProcessNumber process);
  /// The packet whose datagram this is, if REPAIR that came covers it and it has not been delivered.
  PacketPtr find_recovered(ConstBytes payload);

  const EventQueue& events_;
  Journal& journal_;
  Ledger ledger_;
  InnerLedger inner_{journal_};
  Observer observer_;
  std::map<std::pair<ProcessNumber, std::uint64_t>, std::uint16_t> applications_;
  /// The application of each of a client's flow ids, as its FLOW_OPENs said last.
  std::map<std::pair<ProcessNumber, FlowId>, std::uint16_t> flows_;
  std::map<ProcessNumber, std::shared_ptr<Epoch>> current_;
  std::map<ProcessNumber, Account> accounts_;
  using PacketName = std::tuple<const Epoch*, Side, PacketType, std::uint32_t>;
  std::map<PacketName, PacketPtr>
      emitted_;  ///< of the present call: those that hold a datagram and are large
  std::map<std::string, PacketPtr> repeated_;  ///< datagrams' packets of an Emitter that repeats
  std::map<PacketName, std::shared_ptr<Fragmented>> fragmented_;  ///< of which parts are still to be emitted
  std::vector<Expected> expected_;
  std::vector<Waiting> waiting_;
  std::optional<Duration> longest_hold_;
  /// The datagrams' DATA packets that each end sealed last, and of these, those that REPAIR covers which
  /// came.
  std::map<std::pair<const Epoch*, Side>, std::deque<PacketPtr>> recent_;
  std::deque<PacketPtr> recoverable_;
  bool is_handshake1_forged_ = false;
  std::uint64_t excused_ = 0;
  std::uint64_t excuses_before_ = 0;  ///< drops of datagrams that no copy had brought, or that might wait
  std::uint64_t recovered_ = 0;
};

}  // namespace mptunnel::sim
