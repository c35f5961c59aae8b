#include "mptunnel/ports/name_watch.h"

#include <algorithm>
#include <utility>

namespace mptunnel {

NameWatch::NameWatch(HostPort name, const PortContext& context, Resolver::Callback on_answer)
    : name_(std::move(name)),
      context_(context),
      on_answer_(std::move(on_answer)),
      alarm_(context.clock.make_alarm([this] { ask(); })) {}

void NameWatch::ask() {
  is_paused_ = false;
  if (is_asking_) return;
  is_asking_ = true;
  request_ = context_.lookup(name_, [this](const ResolveResult& result) { on_result(result); });
}

void NameWatch::on_result(const ResolveResult& result) {
  is_asking_ = false;
  alarm_->set(context_.clock.now() + retry_);
  retry_ = std::min(2 * retry_, Duration{kLongestRetry});
  on_answer_(result);
}

void NameWatch::found(Duration interval) {
  retry_ = kFirstRetry;
  alarm_->set(context_.clock.now() + interval);
}

void NameWatch::ask_within(Duration delay) {
  if (is_paused_) return;
  alarm_->set(std::min(alarm_->deadline(), context_.clock.now() + delay));
}

void NameWatch::pause(Duration length) {
  request_.cancel();
  is_asking_ = false;
  is_paused_ = true;
  alarm_->set(context_.clock.now() + length);
}

}  // namespace mptunnel
