// What one run has to say: the invariants it broke and, if wanted, a line for each thing that happened.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "sim/event_queue.h"

namespace mptunnel::sim {

class Journal {
 public:
  Journal(const EventQueue& events, bool tracing) : events_(events), tracing_(tracing) {}

  [[nodiscard]] bool is_tracing() const { return tracing_; }

  /// One line of the trace, on standard output, with the time before it.
  template <typename... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (tracing_) print(fmt::format(format, std::forward<Args>(args)...));
  }

  /// An invariant is broken. The first few are kept in words, all are counted.
  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    record(fmt::format(format, std::forward<Args>(args)...));
  }

  [[nodiscard]] std::size_t failures() const { return failures_; }
  [[nodiscard]] const std::vector<std::string>& first_failures() const { return texts_; }

 private:
  void print(const std::string& line) const;
  void record(const std::string& text);

  const EventQueue& events_;
  bool tracing_;
  std::size_t failures_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace mptunnel::sim
