#include "mptunnel/ports/filter_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include "mptunnel/host/log.h"
#include "mptunnel/ports/routing.h"

namespace mptunnel {

std::optional<std::uint64_t> filtered_packets_in(const std::string& netstat) {
  // Lines in pairs: names, then values, both behind "TcpExt:".
  std::istringstream text(netstat);
  std::string names;
  std::string values;
  while (std::getline(text, names) && std::getline(text, values)) {
    std::istringstream name(names);
    std::istringstream value(values);
    std::string name_word;
    std::string value_word;
    while (name >> name_word && value >> value_word) {
      if (name_word != "IPReversePathFilter") continue;
      std::istringstream number(value_word);
      std::uint64_t count = 0;
      return number >> count ? std::optional(count) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::string strict_filter_settings() {
  constexpr std::size_t kMostShown = 3;
  std::vector<std::string> settings;
  std::error_code error;
  SystemRouting routing;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/sys/net/ipv4/conf", error)) {
    const std::string interface = entry.path().filename();
    if (interface == "default" || interface == "lo") continue;
    const ReversePathFilter filter = routing.reverse_path_filter(interface);
    if (filter.is_strict && std::find(settings.begin(), settings.end(), filter.setting) == settings.end())
      settings.push_back(filter.setting);
  }
  if (settings.empty()) return "net.ipv4.conf.*.rp_filter";
  std::sort(settings.begin(), settings.end());
  if (settings.size() > kMostShown) settings.resize(kMostShown);
  return fmt::format("{}", fmt::join(settings, ", "));
}

FilterWatch::FilterWatch(Clock& clock, ReadCount read)
    : clock_(clock), read_(std::move(read)), alarm_(clock.make_alarm([this] { check(); })), last_(read_()) {
  alarm_->set(clock_.now() + kInterval);
}

std::optional<std::uint64_t> FilterWatch::read_system() {
  std::ifstream file("/proc/net/netstat");
  return filtered_packets_in(std::string(std::istreambuf_iterator<char>(file), {}));
}

void FilterWatch::check() {
  const TimePoint now = clock_.now();
  alarm_->set(now + kInterval);
  const auto before = std::exchange(last_, read_());
  if (last_drop_ && now - *last_drop_ >= kProblemFor) in_problem_ = 0;
  if (!before || !last_ || *last_ <= *before) return;
  last_drop_ = now;
  in_problem_ += *last_ - *before;
  since_line_ += *last_ - *before;
  if (last_line_ && now - *last_line_ < kProblemFor) return;
  last_line_ = now;
  log_warning("{}", words(std::exchange(since_line_, 0)));
}

std::string FilterWatch::words(std::uint64_t packets) const {
  return fmt::format(
      "the kernel has dropped {} packets that came by another interface than answers would leave by ({} = "
      "1): "
      "if paths of clients are missing, set it to 2 (sysctl)",
      packets, strict_filter_settings());
}

std::string FilterWatch::problem() const {
  const bool is_recent = last_drop_ && clock_.now() - *last_drop_ < kProblemFor;
  return is_recent ? words(in_problem_) : std::string();
}

}  // namespace mptunnel
