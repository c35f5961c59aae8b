#include "mptunnel/engine/link/repair_receiver.h"

#include <algorithm>
#include <utility>

namespace mptunnel {

RepairReceiver::Epoch* RepairReceiver::find(SessionIndex index) const {
  for (const auto& epoch : epochs_) {
    if (epoch->index == index) return epoch.get();
  }
  return nullptr;
}

RepairReceiver::Epoch& RepairReceiver::of(const LinkEpoch& epoch) {
  if (Epoch* known = find(epoch.index())) return *known;
  if (epochs_.size() >= kRepairedEpochs) {
    give_back(epochs_.front()->memory);
    epochs_.erase(epochs_.begin());
  }
  epochs_.push_back(std::make_unique<Epoch>());
  epochs_.back()->index = epoch.index();
  return *epochs_.back();
}

void RepairReceiver::keep(const LinkEpoch& epoch, PacketNumber number, ConstBytes frames, TimePoint now) {
  // New keys begin where the old ones end: whoever repaired under those will go on, if it still can.
  if (!epoch.can_repair()) return;
  of(epoch).decoder.on_source(number.value, frames, now);
}

bool RepairReceiver::is_recovered(const LinkEpoch& epoch, PacketNumber number) const {
  const Epoch* own = is_on() ? find(epoch.index()) : nullptr;
  return own != nullptr && own->has(number.value);
}

void RepairReceiver::withdraw(LinkEpoch& epoch, PacketNumber number) {
  Epoch& own = *find(epoch.index());
  own.last[number.value % own.last.size()] = 0;
  own.change_runs(-own.joins(number.value));
  epoch.withdraw_recovered();
}

std::optional<Drop> RepairReceiver::on_repair(LinkEpoch& epoch, const RepairFrame& repair, TimePoint now) {
  if (epoch.keys().is_clear()) return Drop::unexpected_frame;
  last_repair_ = now;
  Epoch& own = of(epoch);
  const RepairVerdict verdict =
      own.decoder.on_repair({repair.first.value, repair.count, repair.seed, repair.symbol}, now);
  own.has_grown = true;
  switch (verdict) {
    case RepairVerdict::malformed:
      return Drop::bad_frame;
    case RepairVerdict::contradiction:
      return Drop::repair_contradiction;
    default:
      return std::nullopt;
  }
}

const std::vector<ConstBytes>& RepairReceiver::take_recovered(LinkEpoch& epoch, Output& out, TimePoint now) {
  frames_.clear();
  Epoch* own = is_on() ? find(epoch.index()) : nullptr;
  if (own == nullptr) return frames_;
  for (const RepairDecoder::Recovered& packet : own->decoder.recovered()) {
    const PacketNumber number{static_cast<std::uint32_t>(packet.number)};
    // It may have come before the decoder was there to be told.
    if (!epoch.keys().recover_data(number, now)) continue;
    frames_.emplace_back(out.keep({packet.bytes.begin(), packet.bytes.end()}));
    epoch.count_recovered();
    own->change_runs(own->joins(number.value));
    own->last[number.value % own->last.size()] = number.value + 1;
  }
  if (own->has_grown || own->decoder.symbol_memory() != own->symbol_memory) account(*own);
  return frames_;
}

std::optional<RepairReportFrame> RepairReceiver::report(const LinkEpoch& epoch) const {
  const Epoch* own = find(epoch.index());
  const Arrivals& data = epoch.settled_in();
  if (!epoch.keys().peer_knows(FrameType::repair_report) || (own == nullptr && data.lost() == 0))
    return std::nullopt;
  RepairReportFrame report;
  report.of = static_cast<std::uint32_t>(data.sent);
  report.recovered = static_cast<std::uint32_t>(epoch.recovered_in());
  report.lost = static_cast<std::uint32_t>(data.lost());
  if (own == nullptr) return report;
  const RepairCounts& counts = own->decoder.counts();
  report.runs = std::min(own->runs, report.recovered);
  report.useless = static_cast<std::uint32_t>(counts[RepairVerdict::redundant] + counts[RepairVerdict::late]);
  return report;
}

void RepairReceiver::expire(TimePoint now) {
  if (!last_repair_ || now - *last_repair_ < kRepairForgottenAfter) return;
  last_repair_.reset();
  give_back(bytes());
  epochs_.clear();
}

void RepairReceiver::account(Epoch& epoch) {
  const std::size_t wanted = sizeof(Epoch) + epoch.decoder.memory();
  // It may be this one that yields.
  if (wanted > epoch.memory) make_room(wanted - epoch.memory);
  give_back(std::exchange(epoch.memory, sizeof(Epoch) + epoch.decoder.memory()));
  take(epoch.memory);
  epoch.symbol_memory = epoch.decoder.symbol_memory();
  epoch.has_grown = false;
}

bool RepairReceiver::yield() {
  for (const auto& epoch : epochs_) {
    if (epoch->memory <= sizeof(Epoch)) continue;
    epoch->decoder.restart();
    give_back(epoch->memory - sizeof(Epoch));
    epoch->memory = sizeof(Epoch);
    epoch->symbol_memory = 0;
    return true;
  }
  return false;
}

}  // namespace mptunnel
