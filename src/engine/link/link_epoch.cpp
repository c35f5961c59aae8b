#include "mptunnel/engine/link/link_epoch.h"

namespace mptunnel {

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
  keys_->announce_data(report.data_sealed);
  if (report.data_sealed >= data_in_.sent) data_in_ = {report.data_sealed, keys_->data_received().received()};
  if (report.data_of >= data_out_.sent && report.data_of <= keys_->data_sealed())
    data_out_ = {report.data_of, report.data_opened};
  return path(report.path).on_report(report, now);
}

}  // namespace mptunnel
