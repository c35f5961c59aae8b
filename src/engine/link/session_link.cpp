#include "mptunnel/engine/link/session_link.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

/// Of two paths that take about as long, the slower one's copies have come by then.
constexpr Duration kSettlesAfter = std::chrono::milliseconds{20};

}  // namespace

void LinkEpoch::join(std::shared_ptr<PathTable> session) {
  for (std::size_t i = 0; i < session->size(); ++i) (*session)[i].add_counts((*paths_)[i]);
  paths_ = std::move(session);
}

PathReport LinkEpoch::make_report(PathId path, std::uint32_t sequence, TimePoint now) const {
  PathReport report;
  report.path = path;
  report.sequence = sequence;
  this->path(path).fill_report(report, now);
  report.data_sealed = keys_->data_sealed();
  report.data_opened = static_cast<std::uint32_t>(data_in_.received);
  report.data_of = static_cast<std::uint32_t>(data_in_.sent);
  return report;
}

std::optional<Duration> LinkEpoch::on_report(const PathReport& report, TimePoint now) {
  count_data(report);
  if (now - unsettled_since_ >= kSettlesAfter) settle(now);
  return path(report.path).on_report(report, now);
}

void LinkEpoch::settle(TimePoint now) {
  const ReceivedSet& seen = keys_->data_received();
  // What is below the mark is settled, sooner than by time if it must be; which of it is missing is
  // forgotten.
  const std::uint64_t upto = std::max<std::uint64_t>(unsettled_, seen.low_water().value);
  const std::uint64_t later = seen.received_from(PacketNumber{static_cast<std::uint32_t>(upto)});
  settled_in_ = {upto, seen.received() - std::min(seen.received(), later)};
  unsettled_ = data_in_.sent;
  unsettled_since_ = now;
}

void LinkEpoch::on_report_elsewhere(const PathReport& report) {
  count_data(report);
  path(report.path).on_report_elsewhere(report);
}

void LinkEpoch::count_data(const PathReport& report) {
  keys_->announce_data(report.data_sealed);
  if (report.data_sealed >= data_in_.sent)
    data_in_ = {report.data_sealed, keys_->data_received().received(), recovered_in_};
  if (report.data_of >= data_out_.sent && report.data_of <= keys_->data_sealed())
    data_out_ = {report.data_of, report.data_opened, data_out_.recovered};
}

std::shared_ptr<LinkEpoch> SessionLink::hold(SessionIndex index) const {
  if (current_ && current_->index() == index) return current_;
  if (next_ && next_->index() == index) return next_;
  for (const OldEpoch& old : old_) {
    if (old.epoch->index() == index) return old.epoch;
  }
  return nullptr;
}

void SessionLink::propose(std::unique_ptr<KeyEpoch> keys) {
  MPT_ASSERT(next_ == nullptr);
  if (received_ != nullptr && keys) keys->share(*received_);
  next_ = std::make_shared<LinkEpoch>(std::move(keys), next_order_++, std::make_shared<PathTable>());
}

std::optional<SessionIndex> SessionLink::confirm(bool resumed, TimePoint now) {
  MPT_ASSERT(next_ != nullptr);
  const auto given_up = retire_current(now);
  current_ = std::move(next_);
  if (resumed && paths_) {
    current_->join(paths_);
  } else {
    paths_ = current_->paths();
    ended_.clear();
    earlier_in_ = earlier_out_ = Arrivals{};
    since_ = now;
  }
  // Of keys that ended while nothing could be asked.
  for (EndedEpoch& ended : ended_) {
    if (!ended.told) ended.begin_asking(now);
  }
  return given_up;
}

std::optional<SessionIndex> SessionLink::retire_next(TimePoint now) {
  // The peer may count under this key already.
  if (next_ && paths_) next_->join(paths_);
  return retire(next_, now);
}

std::optional<SessionIndex> SessionLink::retire_current(TimePoint now) {
  return retire(current_, now);
}

std::optional<SessionIndex> SessionLink::retire(std::shared_ptr<LinkEpoch>& epoch, TimePoint now) {
  if (!epoch) return std::nullopt;
  if (ended_.size() >= kEndedEpochs) {
    const EndedEpoch oldest = present(ended_.front());
    earlier_in_ += oldest.data_in();
    earlier_out_ += oldest.data_out();
    ended_.erase(ended_.begin());
  }
  EndedEpoch& ended = ended_.emplace_back();
  ended.local = epoch->index();
  ended.remote = epoch->keys().remote_index();
  ended.begin_asking(now);
  std::optional<SessionIndex> given_up;
  if (old_.size() >= max_old_) {
    given_up = forget(*old_.front().epoch);
    old_.erase(old_.begin());
  }
  old_.push_back({std::exchange(epoch, nullptr), now + kOldKeyOpensFor});
  return given_up;
}

std::vector<SessionIndex> SessionLink::expire(TimePoint now) {
  std::vector<SessionIndex> gone;
  for (; !old_.empty() && now >= old_.front().until; old_.erase(old_.begin()))
    gone.push_back(forget(*old_.front().epoch));
  return gone;
}

EndedEpoch SessionLink::present(const EndedEpoch& ended) const {
  EndedEpoch updated = ended;
  if (const auto epoch = hold(ended.local)) {
    updated.sealed = epoch->keys().data_sealed();
    updated.received = epoch->keys().data_received().received();
    updated.recovered = epoch->recovered_in();
    updated.reported_in = epoch->data_in();
    updated.reported_out = epoch->data_out();
  }
  return updated;
}

std::vector<EpochCountsFrame> SessionLink::take_counts_to_tell(TimePoint now) {
  std::vector<EpochCountsFrame> counts;
  for (EndedEpoch& ended : ended_) {
    ended = present(ended);
    if (ended.take_ask(now)) counts.push_back(ended.counts());
  }
  return counts;
}

std::optional<EpochCountsFrame> SessionLink::on_counts(const EpochCountsFrame& counts) {
  const auto ended = std::find_if(ended_.rbegin(), ended_.rend(), [&](const EndedEpoch& candidate) {
    return candidate.local == counts.index;
  });
  if (ended == ended_.rend()) return std::nullopt;
  ended->on_counts(counts);
  return present(*ended).counts();
}

SessionIndex SessionLink::forget(const LinkEpoch& epoch) {
  for (EndedEpoch& ended : ended_) {
    if (ended.local == epoch.index()) ended = present(ended);
  }
  forgotten_closings_ += epoch.keys().forced_closings();
  return epoch.index();
}

std::uint64_t SessionLink::forced_closings() const {
  std::uint64_t all = forgotten_closings_;
  for (const LinkEpoch* epoch : {current_.get(), next_.get()}) {
    if (epoch != nullptr) all += epoch->keys().forced_closings();
  }
  for (const OldEpoch& old : old_) all += old.epoch->keys().forced_closings();
  return all;
}

Arrivals SessionLink::data_in() const {
  Arrivals all = earlier_in_;
  for (const EndedEpoch& ended : ended_) all += present(ended).data_in();
  return current_ ? all += current_->data_in() : all;
}

Arrivals SessionLink::data_out() const {
  Arrivals all = earlier_out_;
  for (const EndedEpoch& ended : ended_) all += present(ended).data_out();
  return current_ ? all += current_->data_out() : all;
}

std::vector<SessionIndex> SessionLink::indices() const {
  std::vector<SessionIndex> all;
  for (const auto& epoch : {current_, next_}) {
    if (epoch) all.push_back(epoch->index());
  }
  for (const OldEpoch& old : old_) all.push_back(old.epoch->index());
  return all;
}

}  // namespace mptunnel
