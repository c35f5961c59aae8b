#include "sim/client_host.h"

#include <algorithm>
#include <utility>

#include "mptunnel/crypto/kdf.h"
#include "support/engine_access.h"
#include "support/key_wear.h"

namespace mptunnel::sim {
namespace {

constexpr std::uint32_t kFirstApplicationPort = 40000;

FlowHandle source_of(const Application& application) {
  return FlowHandle{static_cast<std::uint32_t>(application.number)};
}

constexpr std::array kRefusals{Drop::would_block, Drop::no_buffers, Drop::refused, Drop::unreachable};

}  // namespace

Taken take_run(const PacketRun& run, const DriverOptions& driver, Context& context) {
  if (run.stride > driver.mtu) return {0, Drop::message_size};
  if (!context.chance(driver.refusals_percent)) return {run.count, Drop::would_block};
  return {static_cast<std::uint32_t>(context.random.below(run.count)),
          kRefusals.at(context.random.below(kRefusals.size()))};
}

ClientHost::Program::Program(ClientHost& host, std::uint64_t seed)
    : number(host.context_.new_process()),
      random(seed),
      engine({host.options_.handshake,
              host.options_.identity,
              host.options_.paths,
              host.options_.min_paths,
              host.options_.max_flows,
              host.options_.repair,
              host.options_.order,
              host.options_.mode,
              {},
              host.options_.inner},
             random),
      alarm(
          {[this] { return engine.deadline(); },
           [this, &host] { host.call(false, [&] { engine.on_deadline(host.out_, host.context_.now()); }); }},
          host.options_.driver.lateness, seed, host.context_.events, host.context_.journal) {}

ClientHost::ClientHost(int number, const ClientOptions& options, Context& context, Traffic& traffic)
    : number_(number), options_(options), context_(context), traffic_(traffic), lanes_(options.paths) {}

void ClientHost::start(PathSet available) {
  program_ = std::make_unique<Program>(*this, context_.new_seed());
  context_.journal.trace("client {}: started as process {}", number_, program_->number);
  for (const Application* application : applications_)
    context_.oracle.name_flow(program_->number, application->hash, application->number);
  for (std::size_t i = 0; i < options_.traits.size(); ++i)
    program_->engine.set_path_traits(PathId{static_cast<std::uint8_t>(i)}, options_.traits[i]);
  for (std::size_t i = 0; i < options_.paths; ++i)
    program_->engine.set_path_name(PathId{static_cast<std::uint8_t>(i)}, fmt::format("path{}", i));
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (available.contains(PathId{static_cast<std::uint8_t>(i)})) set_path_available(i, true);
  }
}

void ClientHost::end_program(std::size_t unknown) {
  context_.oracle.client_uses(program_->number, std::nullopt);
  context_.oracle.close_books(program_->number, unknown);
  for (std::size_t i = 0; i < kDropReasons; ++i)
    past_drops_.at(i) += program_->engine.drops()[static_cast<Drop>(i)];
  program_.reset();
}

void ClientHost::kill() {
  if (!program_) return;
  context_.journal.trace("client {}: killed", number_);
  end_program(context_.oracle.offered_lately(program_->number, kQueuedAtMost));
}

void ClientHost::close() {
  if (!program_) return;
  context_.journal.trace("client {}: closed", number_);
  call(false, [this] { program_->engine.close(out_, context_.now()); });
  end_program(context_.oracle.offered_lately(program_->number, kQueuedAtMost));
}

void ClientHost::end() {
  if (program_) end_program(0);
}

void ClientHost::stall(Duration time) {
  if (!program_) return;
  program_->alarm.stall_until(context_.now() + time);
  context_.oracle.stalled(program_->number, context_.now() + time);
}

void ClientHost::pretend_sealed(std::uint32_t packets, std::uint64_t blocks) {
  if (!program_ || program_->engine.state().link.current() == nullptr) return;
  KeyEpoch& keys = test::keys_of(program_->engine);
  test::wear_out(keys, packets, blocks);
  context_.oracle.allow_jump(program_->number, keys.remote_index());
  program_->alarm.rearm();
}

Application& ClientHost::add_application(const TrafficOptions& traffic) {
  // Ports would run out: each 4096 applications share an address.
  const auto count = static_cast<std::uint32_t>(applications_.size());
  const auto port = static_cast<std::uint16_t>(kFirstApplicationPort + count % 4096);
  const Endpoint endpoint =
      make_endpoint(0x7f000001U + (static_cast<std::uint32_t>(number_) << 8U) + (count / 4096 << 16U), port);
  Application& application =
      traffic_.add(*this, endpoint, derive_flow_hash(options_.identity, endpoint), traffic);
  applications_.push_back(&application);
  if (program_) context_.oracle.name_flow(program_->number, application.hash, application.number);
  return application;
}

void ClientHost::set_path_available(std::size_t path, bool available) {
  if (!program_) return;
  if (context_.now() < program_->alarm.stalled_until()) {
    context_.events.at(program_->alarm.stalled_until(),
                       [this, path, available] { set_path_available(path, available); });
    return;
  }
  const PathId id{static_cast<std::uint8_t>(path)};
  call(false, [&] { program_->engine.set_path_available(id, available, out_, context_.now()); });
}

void ClientHost::from_application(Application& application, const std::vector<std::size_t>& sizes) {
  if (!program_ || context_.now() < program_->alarm.stalled_until()) return;
  std::vector<std::uint8_t> bytes;
  for (const std::size_t size : sizes) {
    std::vector<std::uint8_t> payload(size);
    Record record;
    record.application = application.number;
    record.size = static_cast<std::uint32_t>(size);
    record.offered_to = program_->number;
    record.offered = context_.now();
    context_.oracle.ledger().offer(record, payload);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
  }
  context_.oracle.offered(program_->number, sizes.size());
  program_->alarm.allow(sizes.size());
  const FlowSource from{source_of(application), application.hash};
  call(true, [&] {
    program_->engine.on_application({bytes, std::max<std::size_t>(1, sizes.front())}, from, out_,
                                    context_.now(), application.traffic.dscp);
  });
}

void ClientHost::from_device(std::uint32_t number, const InnerFlow& flow) {
  std::vector<std::uint8_t> packet = context_.oracle.inner().records()[number].packet;
  context_.oracle.offered(program_->number, 1);
  program_->alarm.allow(1);
  call(true, [&] { program_->engine.on_tun({packet, packet.size()}, flow, out_, context_.now()); });
}

void ClientHost::from_network(std::size_t path, const std::vector<Copy>& copies) {
  if (!program_) return;
  if (context_.now() < program_->alarm.stalled_until()) {
    context_.events.at(program_->alarm.stalled_until(), [this, path, copies] { from_network(path, copies); });
    return;
  }
  const PathId id{static_cast<std::uint8_t>(path)};
  for (Batch& batch : make_batches(copies, options_.driver.coalesce)) {
    // A socket that was closed meanwhile hears nothing.
    if (!program_ || batch.copies.front()->from.local != lanes_[path].client) continue;
    if (!program_->engine.path(id).is_available()) continue;
    for (const Copy* copy : batch.copies) {
      if (context_.journal.is_tracing())
        context_.journal.trace("  client {} path {} <- {}{}", number_, path,
                               copy->packet ? describe(*copy->packet) : "noise",
                               copy->altered ? " ALTERED" : "");
      context_.oracle.expect(*copy, Side::client, program_->number, true);
    }
    const Ecn ecn = batch.copies.front()->marks.ecn;
    call(false, [&] { program_->engine.on_path(id, batch.view(), out_, context_.now(), {ecn}); });
  }
}

template <typename Call>
void ClientHost::call(bool is_offer, Call call) {
  const DropCounters before = program_->engine.drops();
  out_.clear();
  call();
  const DropCounters& after = program_->engine.drops();
  context_.oracle.counted(Side::client, program_->number, before, after, is_offer);
  const std::uint64_t excuses = after[Drop::flow_unknown] - before[Drop::flow_unknown];
  carry_out(out_);
  deliver(out_, excuses);
  const LinkEpoch* epoch = program_->engine.state().link.current();
  context_.oracle.client_uses(program_->number,
                              epoch == nullptr ? std::nullopt : std::optional(epoch->index()));
  program_->alarm.rearm();
}

void ClientHost::carry_out(Output& out) {
  for (const Event& event : out.events) {
    events_.push_back(event);
    context_.journal.trace("  client {}: {}", number_, describe(event));
  }
  for (const PacketRun& run : out.runs) send_run(run, out);
  for (const FlowChange& change : out.flow_changes) {
    if (change.opened) context_.journal.fail("the client wants a socket to the target");
  }
  if (!out.direct.empty()) context_.journal.fail("a client wants what only a server can do");
}

void ClientHost::send_run(const PacketRun& run, Output& out) {
  const bool delays = std::any_of(options_.traits.begin(), options_.traits.end(),
                                  [](const PathTraits& traits) { return traits.delay > Duration{}; });
  const Emitter emitter{Side::client,      program_->number,        &options_.identity,
                        &program_->random, &options_.handshake.key, delays};
  std::vector<PacketPtr> packets;
  for_each_datagram(DatagramBatch{Bytes(out.arena).subspan(run.offset, run.bytes()), run.stride},
                    [&](ConstBytes bytes) { packets.push_back(context_.oracle.emitted(emitter, bytes)); });
  if (packets.size() != run.count)
    context_.journal.fail("a run of {} is {} packets", run.count, packets.size());
  for (const PacketPtr& packet : packets) {
    ++made_.at(static_cast<std::size_t>(packet->type));
    if (context_.journal.is_tracing())
      context_.journal.trace("client {} -> paths {}: {}", number_, describe(run.paths), describe(*packet));
    if (tap_) tap_(packet);
  }
  for (const PathId id : run.paths) {
    const std::size_t path = id.value;
    if (path >= lanes_.size() || !program_->engine.path(id).is_available()) {
      context_.journal.fail("a client sends on path {}, which it does not have", path);
      continue;
    }
    const Taken taken = take_run(run, options_.driver, context_);
    Lane& lane = lanes_[path];
    for (std::size_t i = 0; i < taken.count; ++i)
      lane.up->send({packets[i], std::nullopt, {lane.upstream, lane.server}, run.marks_on(id)});
    program_->engine.on_sent(id, run, taken.count, taken.drop, context_.now());
  }
}

void ClientHost::deliver(const Output& out, std::uint64_t excuses) {
  const SplitDeliveries split = split_deliveries(out);
  const auto packets = context_.oracle.delivered(program_->number, split.pieces, excuses);
  for (const ConstBytes inner : split.inner) {
    const auto number = context_.oracle.inner().at_client(number_, inner);
    if (number && on_inner_) on_inner_(*number);
  }
  for (const Delivery& delivery : split.deliveries) {
    for (std::size_t i = delivery.first; i < delivery.first + delivery.count; ++i) {
      if (!packets[i]) continue;
      Application& application = traffic_.application(packets[i]->datagram->application);
      if (application.host != this || delivery.flow != source_of(application)) {
        context_.journal.fail("a reply for application {} is delivered to another", application.number);
      } else {
        traffic_.at_application(application, *packets[i]);
      }
    }
  }
}

std::uint64_t ClientHost::drops(Drop reason) const {
  return past_drops_.at(static_cast<std::size_t>(reason)) + (program_ ? program_->engine.drops()[reason] : 0);
}

void ClientHost::audit() const {
  if (!program_) return;
  const ClientState& state = program_->engine.state();
  if (state.flows.size() > options_.max_flows)
    context_.journal.fail("client {} has {} flows", number_, state.flows.size());
  if (state.link.current() == nullptr) return;
  const std::size_t blocks = state.link.current()->keys().data_received().blocks();
  if (blocks > kReceivedSetNumbers / ReceivedSet::kBlockNumbers)
    context_.journal.fail("client {} has a received set of {} blocks", number_, blocks);
}

}  // namespace mptunnel::sim
