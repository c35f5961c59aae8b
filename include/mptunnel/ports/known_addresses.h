// The addresses at which bridges answered, by the names of these, in memory and in a file for the next start.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mptunnel/config/address.h"
#include "mptunnel/host/address_file.h"
#include "mptunnel/ports/port_context.h"

namespace mptunnel {

class KnownAddresses {
 public:
  /// The file is written this long after a change, so that the names of all bridges come together, and at
  /// most this often.
  static constexpr Duration kWriteAfter = std::chrono::seconds{1};
  static constexpr Duration kWriteEach = std::chrono::seconds{60};
  /// How often it is tried, kWriteAfter apart, while another process writes it.
  static constexpr int kBusyTries = 20;

  /// Reads the file at `path`; an empty path is none. Logs a line if what is there can't be used. `clock`
  /// outlives this.
  KnownAddresses(std::string path, Clock& clock);
  KnownAddresses(const KnownAddresses&) = delete;
  KnownAddresses& operator=(const KnownAddresses&) = delete;
  /// Writes what is not written yet.
  ~KnownAddresses();

  /// Where the name's bridge answered, the last address first. Empty for one that is not known.
  [[nodiscard]] std::vector<Endpoint> find(const HostPort& name) const;
  /// A bridge of this name answers at `address`. Numeric hosts, and localhost, are not kept.
  void note(const HostPort& name, const Endpoint& address);

 private:
  void write();

  std::string path_;
  Clock& clock_;
  std::unique_ptr<Alarm> alarm_;
  std::vector<KnownName> names_;
  std::vector<KnownName> changed_;  ///< since the file was written
  TimePoint last_written_ = kNever;
  int busy_tries_ = 0;  ///< in vain since it was written
  bool said_problem_ = false;
};

}  // namespace mptunnel
