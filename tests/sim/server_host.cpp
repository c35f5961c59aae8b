#include "sim/server_host.h"

#include <algorithm>
#include <utility>

#include "support/engine_access.h"
#include "support/key_wear.h"

namespace mptunnel::sim {
namespace {

/// While a client is taken over there are two sessions of it.
constexpr std::size_t kMaxEpochsOfSession = 4;

}  // namespace

ServerHost::Program::Program(ServerHost& host, std::uint64_t seed)
    : number(host.context_.new_process()),
      random(seed),
      engine(host.options_.settings, random),
      guard(host.context_.journal),
      alarm(
          {[this] { return engine.deadline(); },
           [this, &host] { host.call(false, [&] { engine.on_deadline(host.out_, host.context_.now()); }); }},
          host.options_.driver.lateness, seed, host.context_.events, host.context_.journal) {}

ServerHost::ServerHost(const ServerOptions& options, Context& context, Traffic& traffic, Send send)
    : options_(options), context_(context), traffic_(traffic), send_(std::move(send)) {}

void ServerHost::start() {
  program_ = std::make_unique<Program>(*this, context_.new_seed());
  context_.journal.trace("server: started as process {}", program_->number);
}

void ServerHost::end_program(std::size_t unknown) {
  context_.oracle.close_books(program_->number, unknown);
  for (std::size_t i = 0; i < kDropReasons; ++i)
    past_drops_.at(i) += program_->engine.drops()[static_cast<Drop>(i)];
  program_.reset();
}

void ServerHost::kill() {
  if (!program_) return;
  context_.journal.trace("server: killed");
  end_program(context_.oracle.offered_lately(program_->number, kQueuedAtMost));
}

void ServerHost::close() {
  if (!program_) return;
  context_.journal.trace("server: closed");
  call(false, [this] { program_->engine.close(out_, context_.now()); });
  end_program(context_.oracle.offered_lately(program_->number, kQueuedAtMost));
}

void ServerHost::end() {
  if (program_) end_program(0);
}

void ServerHost::stall(Duration time) {
  if (!program_) return;
  program_->alarm.stall_until(context_.now() + time);
  context_.oracle.stalled(program_->number, context_.now() + time);
}

void ServerHost::pretend_sealed(std::uint32_t packets, std::uint64_t blocks) {
  if (!program_) return;
  for (const auto& [handle, session] : program_->engine.state().table.all()) {
    test::wear_out(test::keys_of(*session), packets, blocks);
    context_.oracle.allow_jump(program_->number, session->current().keys().remote_index());
  }
}

void ServerHost::from_network(const std::vector<Copy>& copies) {
  if (!program_) return;
  if (context_.now() < program_->alarm.stalled_until()) {
    context_.events.at(program_->alarm.stalled_until(), [this, copies] { from_network(copies); });
    return;
  }
  for (Batch& batch : make_batches(copies, options_.driver.coalesce)) give(batch);
}

void ServerHost::give(Batch& batch) {
  std::vector<Epoch*> greeted;
  context_.oracle.forgive_handshake2(
      std::any_of(batch.copies.begin(), batch.copies.end(), [](const Copy* copy) {
        if (copy->is_genuine() || copy->bytes().empty()) return false;
        const std::uint8_t type = copy->bytes().front();
        return type == static_cast<std::uint8_t>(PacketType::handshake1) ||
               (!copy->packet && type == static_cast<std::uint8_t>(PacketType::control));
      }));
  for (const Copy* copy : batch.copies) {
    if (context_.journal.is_tracing())
      context_.journal.trace("  server <- {}: {}{}", copy->from.remote.to_string(),
                             copy->packet ? describe(*copy->packet) : "noise",
                             copy->altered ? " ALTERED" : "");
    program_->guard.on_arrival(*copy);
    if (!copy->packet || !copy->packet->epoch) continue;
    Epoch& epoch = *copy->packet->epoch;
    context_.oracle.expect(*copy, Side::server, program_->number,
                           program_->engine.state().table.find(epoch.session) != nullptr);
    if (epoch.server == program_->number && !epoch.adopted) greeted.push_back(&epoch);
  }
  const Route from = batch.copies.front()->from;
  const Ecn ecn = batch.copies.front()->marks.ecn;
  call(false, [&] { program_->engine.on_network(batch.view(), from, out_, context_.now(), ecn); });
  for (Epoch* epoch : greeted) {
    if (epoch->adopted) continue;
    for (const auto& [handle, session] : program_->engine.state().table.all()) {
      if (session->current().index() == epoch->server_index) context_.oracle.server_adopted(*epoch, handle);
    }
  }
}

std::optional<FlowHandle> ServerHost::socket_of(const TargetPeer& peer) const {
  if (peer.server == program_->number && program_->sockets.contains(peer.flow)) return peer.flow;
  // A new socket has the port of the old one, if it could get it.
  const auto port = program_->ports.find(peer.hash);
  if (port == program_->ports.end()) return std::nullopt;
  return port->second;
}

void ServerHost::from_target(const TargetPeer& peer, Application& application, std::size_t bytes,
                             std::optional<std::uint32_t> request) {
  if (!program_ || context_.now() < program_->alarm.stalled_until()) return;
  const auto socket = socket_of(peer);
  if (!socket) return;
  std::vector<std::uint8_t> payload(bytes);
  Record record;
  record.application = application.number;
  record.is_reply = true;
  record.size = static_cast<std::uint32_t>(bytes);
  record.offered_to = program_->number;
  record.offered = context_.now();
  record.request = request;
  context_.oracle.ledger().offer(record, payload);
  context_.oracle.offered(program_->number, 1);
  program_->alarm.allow(1);
  call(true, [&] {
    program_->engine.on_target(*socket, {payload, std::max<std::size_t>(1, bytes)}, out_, context_.now(),
                               application.traffic.dscp);
  });
}

void ServerHost::from_device(std::uint32_t number, const InnerFlow& flow) {
  std::vector<std::uint8_t> packet = context_.oracle.inner().records()[number].packet;
  context_.oracle.offered(program_->number, 1);
  program_->alarm.allow(1);
  call(true, [&] { program_->engine.on_tun({packet, packet.size()}, flow, out_, context_.now()); });
}

template <typename Call>
void ServerHost::call(bool is_offer, Call call) {
  const DropCounters before = program_->engine.drops();
  out_.clear();
  call();
  const DropCounters& after = program_->engine.drops();
  context_.oracle.counted(Side::server, program_->number, before, after, is_offer);
  std::uint64_t excuses = 0;
  for (const Drop reason : {Drop::flow_unknown, Drop::flow_limit, Drop::flow_rate, Drop::superseded})
    excuses += after[reason] - before[reason];
  for (const Event& event : out_.events) {
    events_.push_back(event);
    context_.journal.trace("  server: {}", describe(event));
  }
  read_output(out_);
  for (const PacketRun& run : out_.runs) send_run(run);
  for (const DirectPacket& direct : out_.direct) send_direct(direct);
  packets_.clear();
  open_sockets(out_);
  deliver(out_, is_offer ? 0 : excuses);
  close_sockets(out_);
  program_->alarm.rearm();
}

void ServerHost::read_output(Output& out) {
  // In the order in which they were sealed.
  std::map<std::size_t, std::size_t> sizes;
  for (const PacketRun& run : out.runs) {
    for (std::uint32_t i = 0; i < run.count; ++i)
      sizes.emplace(run.offset + i * run.stride, i + 1 == run.count ? run.tail : run.stride);
  }
  for (const DirectPacket& direct : out.direct) sizes.emplace(direct.offset, direct.size);
  const auto& sessions = program_->engine.state().table.all();
  const bool keeps = std::any_of(sessions.begin(), sessions.end(),
                                 [](const auto& entry) { return entry.second->sender.has_kept(); });
  delays_ = delays_ || std::any_of(sessions.begin(), sessions.end(), [](const auto& entry) {
              return entry.second->sender.next_delayed() != kNever;
            });
  const bool repeats = keeps || delays_;
  const Emitter emitter{Side::server, program_->number, nullptr, nullptr, nullptr, repeats};
  for (const auto& [offset, size] : sizes) {
    const PacketPtr packet = context_.oracle.emitted(emitter, ConstBytes(out.arena).subspan(offset, size));
    ++made_.at(static_cast<std::size_t>(packet->type));
    packets_.emplace(offset, packet);
  }
}

void ServerHost::send_run(const PacketRun& run) {
  std::vector<PacketPtr> packets;
  for (std::uint32_t i = 0; i < run.count; ++i) packets.push_back(packets_.at(run.offset + i * run.stride));
  if (context_.journal.is_tracing()) {
    for (const PacketPtr& packet : packets)
      context_.journal.trace("server -> session {} paths {}: {}", run.session.value, describe(run.paths),
                             describe(*packet));
  }
  for (const PathId path : run.paths) {
    const Route* route = program_->engine.route_of(run.session, path);
    if (route == nullptr) continue;  // the session ended in the same call
    const Taken taken = take_run(run, options_.driver, context_);
    for (std::size_t k = 0; k < taken.count; ++k) {
      program_->guard.on_send(*packets[k], route->remote);
      send_(packets[k], *route, run.marks_on(path));
    }
    program_->engine.on_sent(path, run, taken.count, taken.drop, context_.now());
  }
}

void ServerHost::send_direct(const DirectPacket& direct) {
  const PacketPtr& packet = packets_.at(direct.offset);
  if (context_.journal.is_tracing())
    context_.journal.trace("server -> {}: {}", direct.route.remote.to_string(), describe(*packet));
  program_->guard.on_send(*packet, direct.route.remote);
  send_(packet, direct.route, {});
}

void ServerHost::open_sockets(const Output& out) {
  for (const FlowChange& change : out.flow_changes) {
    if (!change.opened) continue;
    if (!program_->sockets.emplace(change.flow, change.hash).second)
      context_.journal.fail("flow handle {} is given twice", change.flow.value);
    program_->ports.emplace(change.hash, change.flow);
    ++sockets_opened_;
  }
}

void ServerHost::close_sockets(const Output& out) {
  for (const FlowChange& change : out.flow_changes) {
    if (change.opened) continue;
    const auto socket = program_->sockets.find(change.flow);
    if (socket == program_->sockets.end()) {
      context_.journal.fail("flow handle {} ends, but never began", change.flow.value);
      continue;
    }
    const auto port = program_->ports.find(socket->second);
    if (port != program_->ports.end() && port->second == change.flow) program_->ports.erase(port);
    program_->sockets.erase(socket);
  }
}

void ServerHost::deliver(const Output& out, std::uint64_t excuses) {
  const SplitDeliveries split = split_deliveries(out);
  const auto packets = context_.oracle.delivered(program_->number, split.pieces, excuses);
  for (const ConstBytes inner : split.inner) {
    const auto number = context_.oracle.inner().at_server(inner);
    if (number && on_inner_) on_inner_(*number);
  }
  for (const Delivery& delivery : split.deliveries) {
    for (std::size_t i = delivery.first; i < delivery.first + delivery.count; ++i) {
      if (!packets[i]) continue;
      const Application& application = traffic_.application(packets[i]->datagram->application);
      const auto socket = program_->sockets.find(delivery.flow);
      if (socket == program_->sockets.end() || socket->second != application.hash) {
        context_.journal.fail("a datagram of application {} leaves by another's socket", application.number);
      } else {
        traffic_.at_target({program_->number, delivery.flow, socket->second}, *packets[i]);
      }
    }
  }
}

std::uint64_t ServerHost::drops(Drop reason) const {
  return past_drops_.at(static_cast<std::size_t>(reason)) + (program_ ? program_->engine.drops()[reason] : 0);
}

void ServerHost::audit() const {
  if (!program_) return;
  const ServerEngine& engine = program_->engine;
  const ServerSettings& settings = options_.settings;
  Journal& journal = context_.journal;
  const SessionTable& table = engine.state().table;
  const std::size_t pending = engine.state().pending.size();
  if (table.all().size() > settings.max_sessions + kMaxUnsettledSessions)
    journal.fail("the server has {} sessions", table.all().size());
  if (table.flows() > settings.max_flows) journal.fail("the server has {} flows", table.flows());
  if (table.flows() != program_->sockets.size())
    journal.fail("{} flows and {} sockets", table.flows(), program_->sockets.size());
  if (pending > kMaxPendingHandshakes) journal.fail("{} pending handshakes", pending);
  std::size_t flows = 0;
  for (const auto& [handle, session] : table.all()) {
    flows += session->flows.size();
    if (session->flows.size() > kMaxFlows) journal.fail("a session of {} flows", session->flows.size());
    const std::vector<SessionIndex> indices = session->link.indices();
    if (indices.empty() || indices.size() > kMaxEpochsOfSession)
      journal.fail("a session of {} key epochs", indices.size());
    for (const SessionIndex index : indices) {
      const std::size_t blocks = session->link.hold(index)->keys().data_received().blocks();
      if (blocks > kReceivedSetNumbers / ReceivedSet::kBlockNumbers)
        journal.fail("a received set of {} blocks", blocks);
    }
  }
  if (flows != table.flows()) journal.fail("{} flows in sessions, {} in the table", flows, table.flows());
}

}  // namespace mptunnel::sim
