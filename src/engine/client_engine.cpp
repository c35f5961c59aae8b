#include "mptunnel/engine/client_engine.h"

#include <algorithm>

#include "mptunnel/base/assert.h"

namespace mptunnel {

ClientEngine::ClientEngine(const ClientSettings& settings, RandomSource& random)
    : settings_(settings),
      random_(random),
      process_(random.u64()),
      paths_(settings.paths),
      flows_(settings.identity, settings.max_flows),
      handshake_(settings.handshake, random) {
  MPT_ASSERT(settings.paths <= kMaxPaths);
}

void ClientEngine::set_path_traits(PathId path, const PathTraits& traits) {
  MPT_ASSERT(path.value < kMaxPaths);
  if (path.value >= paths_.size()) paths_.resize(std::size_t{path.value} + 1);
  paths_[path.value].probed.set_traits(traits);
}

void ClientEngine::set_path_available(PathId path, bool available, Output& out, TimePoint now) {
  MPT_ASSERT(path.value < paths_.size());
  ClientPath& own = paths_[path.value];
  if (own.probed.is_available() == available) return;
  own.probed.set_available(available);
  own.called_in = false;
  own.enough_since.reset();
  own.mtu.stop();
  if (next_housekeeping_ == kNever) next_housekeeping_ = now;
  if (available) {
    if (!current_ && !is_handshaking_ && !next_) start_handshake(false, now);
    if (is_handshaking_) next_handshake_ = now;
  }
  update_standby(out, now);
  note_all_down(out, now);
}

void ClientEngine::readdress_path(PathId path, Output& out, TimePoint now) {
  MPT_ASSERT(path.value < paths_.size());
  ClientPath& own = paths_[path.value];
  if (!own.probed.is_available()) return;
  own.probed.readdress();
  own.mtu.stop();
  if (is_handshaking_) next_handshake_ = now;
  update_standby(out, now);
}

void ClientEngine::on_application(DatagramBatch batch, const Route& application, Output& out, TimePoint now,
                                  std::uint8_t dscp) {
  last_application_ = now;
  update_moving(now);
  std::vector<FlowId> closed;
  const auto flow = flows_.use(application, closed, now);
  if (!closed.empty()) close_flows(closed, out, now);
  const Carriers carriers = this->carriers(now);
  if (!can_send(carriers.paths, now)) hurry_handshake();
  for_each_datagram(batch, [&](ConstBytes payload) {
    ++datagrams_in_;
    if (flow) {
      take_datagram(**flow, payload, carriers, dscp, out, now);
    } else {
      drops_.add(flow.error());
      note_limit(flow.error(), out, now);
    }
  });
  finish_sending(carriers, out, now);
}

void ClientEngine::on_path(PathId path, DatagramBatch batch, Output& out, TimePoint now) {
  MPT_ASSERT(path.value < paths_.size());
  for_each_datagram(batch, [&](Bytes packet) {
    const auto header = decode_header(packet);
    if (!header) {
      drops_.add(packet.size() < kHeaderBytes ? Drop::truncated : Drop::unknown_type);
      return;
    }
    if (header->type == PacketType::handshake2) {
      on_handshake2(packet, out, now);
      return;
    }
    if (header->type != PacketType::data && header->type != PacketType::control) {
      drops_.add(Drop::unknown_type);
      return;
    }
    KeyEpoch* epoch = find_epoch(header->index);
    if (epoch == nullptr) {
      drops_.add(Drop::unknown_index);
    } else if (header->type == PacketType::data) {
      on_data(*epoch, path, *header, packet, out, now);
    } else {
      on_control(*epoch, path, *header, packet, out, now);
    }
  });
  update_moving(now);
}

void ClientEngine::on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop,
                           TimePoint now) {
  if (KeyEpoch* epoch = find_epoch(run.epoch)) {
    epoch->path(path).count_sent(accepted, run.bytes_of_first(accepted));
  }
  if (accepted == run.count) return;
  drops_.add(drop, run.count - accepted);
  if (drop == Drop::message_size) paths_[path.value].mtu.on_refused(run.stride, now);
}

Arrivals ClientEngine::data_in() const {
  Arrivals all = retired_in_;
  return current_ ? all += current_->data_in() : all;
}

Arrivals ClientEngine::data_out() const {
  Arrivals all = retired_out_;
  return current_ ? all += current_->data_out() : all;
}

void ClientEngine::close(Output& out, TimePoint now) {
  for (KeyEpoch* epoch : {current_.get(), next_.get()}) {
    if (epoch != nullptr)
      send_control(*epoch, {CloseFrame{CloseReason::shutdown}}, available_paths(), out, now);
  }
}

const Route* ClientEngine::application_of(FlowHandle flow) {
  const ClientFlow* found = flows_.find(FlowId{static_cast<std::uint16_t>(flow.value)});
  return found == nullptr ? nullptr : &found->application;
}

PathSet ClientEngine::available_paths() const {
  PathSet paths;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i].probed.is_available()) paths.insert(PathId{static_cast<std::uint8_t>(i)});
  }
  return paths;
}

KeyEpoch* ClientEngine::find_epoch(SessionIndex index) {
  if (current_ && current_->local_index() == index) return current_.get();
  if (next_ && next_->local_index() == index) return next_.get();
  for (const OldEpoch& old : old_) {
    if (old.epoch->local_index() == index) return old.epoch.get();
  }
  return nullptr;
}

SessionIndex ClientEngine::free_index() {
  SessionIndex index;
  do {
    index = SessionIndex{static_cast<std::uint32_t>(random_.u64() >> (64 - kSessionIndexBits))};
  } while (find_epoch(index) != nullptr);
  return index;
}

void ClientEngine::update_moving(TimePoint now) {
  const auto is_recent = [now](const std::optional<TimePoint>& time) {
    return time && now - *time < kDataMovesFor;
  };
  is_application_sending_ = is_recent(last_application_);
  is_moving_ = is_application_sending_ || is_recent(last_data_);
}

void ClientEngine::note_limit(Drop drop, Output& out, TimePoint now) {
  if (said_limit_ && now - *said_limit_ < 1min) return;
  said_limit_ = now;
  out.events.emplace_back(TablesFull{drop});
}

}  // namespace mptunnel
