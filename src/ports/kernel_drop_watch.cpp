#include "mptunnel/ports/kernel_drop_watch.h"

#include "mptunnel/host/log.h"

namespace mptunnel {

void KernelDropWatch::count(std::uint64_t drops, TimePoint now) {
  total_ += drops;
  if (reported_at_ && now - *reported_at_ < std::chrono::minutes(1)) return;
  log_warning(
      "{} datagrams {} were dropped by the kernel because receive buffers were full: this machine can't keep "
      "up",
      total_ - reported_, what_);
  reported_ = total_;
  reported_at_ = now;
}

void log_kernel_drops(std::initializer_list<const KernelDropWatch*> watches) {
  for (const KernelDropWatch* watch : watches) {
    if (watch->total() > 0) {
      log_info("dropped by the kernel because receive buffers were full: {} {}", watch->total(),
               watch->what());
    }
    if (watch->old() > 0)
      log_info("dropped because they had waited for too long: {} {}", watch->old(), watch->what());
  }
}

}  // namespace mptunnel
