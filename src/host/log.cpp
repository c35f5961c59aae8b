#include "mptunnel/host/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

#include "mptunnel/host/log_outlet.h"

namespace mptunnel {
namespace {

/// In the order of LogLevel.
constexpr std::array<spdlog::level::level_enum, 4> kLevels{spdlog::level::debug, spdlog::level::info,
                                                           spdlog::level::warn, spdlog::level::err};
constexpr const char* kStderrPattern = "%Y-%m-%d %H:%M:%S.%e %l: %v";
constexpr const char* kSyslogPattern = "%l: %v";
constexpr std::string_view kCut = "...\n";

/// Lines that its outlet does not take are counted, and the count is said before the next that it takes.
class CountingSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CountingSink(std::unique_ptr<LogOutlet> outlet) : outlet_(std::move(outlet)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (lost_ > 0) {
      const std::string count =
          fmt::format("{} line{} of this log {} lost here, because whoever reads it took none", lost_,
                      lost_ == 1 ? "" : "s", lost_ == 1 ? "was" : "were");
      if (put({message.time, message.source, message.logger_name, spdlog::level::warn, count})) lost_ = 0;
    }
    if (lost_ > 0 || !put(message)) ++lost_;
  }
  void flush_() override {}

  bool put(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    std::string line(text.data(), text.size());
    if (line.size() > kMaxLogLineBytes) {
      line.resize(kMaxLogLineBytes - kCut.size());
      line += kCut;
    }
    const auto* const found = std::find(kLevels.begin(), kLevels.end(), message.level);
    return outlet_->write(static_cast<LogLevel>(found - kLevels.begin()), line);
  }

  std::unique_ptr<LogOutlet> outlet_;
  std::uint64_t lost_ = 0;
};

std::shared_ptr<CountingSink> make_sink(std::unique_ptr<LogOutlet> outlet, const char* pattern) {
  auto sink = std::make_shared<CountingSink>(std::move(outlet));
  sink->set_pattern(pattern);
  return sink;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = std::make_shared<spdlog::logger>(
      "mptunnel", make_sink(std::make_unique<DescriptorOutlet>(STDERR_FILENO), kStderrPattern));
  return *instance;
}

}  // namespace

void set_log_level(LogLevel level) {
  logger().set_level(kLevels.at(static_cast<std::size_t>(level)));
}

void add_syslog(const std::string& ident) {
  logger().sinks().push_back(make_sink(std::make_unique<SyslogOutlet>(ident), kSyslogPattern));
}

void leave_stderr() {
  auto& sinks = logger().sinks();
  sinks.erase(sinks.begin());
}

void log_line(LogLevel level, std::string_view text) {
  logger().log(kLevels.at(static_cast<std::size_t>(level)), "{}", text);
}

}  // namespace mptunnel
