// The file in which mpclient keeps the addresses that the names of its bridges had when these last answered:
// the name server may be reachable through the tunnel alone. What it is not: a cache that spares a lookup.
//
// A name a line, and behind it its addresses. All mpclients of a user share the file; each leaves the names
// of the others as they are, and a lock of the folder keeps them from writing at the same time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/host/state_file.h"

namespace mptunnel {

inline constexpr std::size_t kMaxKnownNames = 64;
inline constexpr std::size_t kMaxKnownAddresses = 4;  ///< of one name
inline constexpr std::size_t kMaxAddressFileBytes = 32768;

struct KnownName {
  std::string host;                 ///< in small letters, without a dot at its end
  std::vector<Endpoint> addresses;  ///< 1 to kMaxKnownAddresses, port 0; the one that answered last is first
};

/// `bridge-addresses` beside the default state file.
std::string default_address_path(const StateUser& user);

/// The names in such a text, at most kMaxKnownNames; what is damaged is left out. If there is no good line,
/// and one that is neither a comment nor empty, it is another file: the error says which line that is.
tl::expected<std::vector<KnownName>, std::string> parse_known_names(std::string_view text);

/// The names in the file; none if there is no file. The error, for people, says why what is there is not
/// used: another user may have written it, it is no regular file, larger than kMaxAddressFileBytes, or says
/// something else.
tl::expected<std::vector<KnownName>, std::string> read_address_file(const std::string& path);

struct AddressFileError {
  std::string what;      ///< for people
  bool is_busy = false;  ///< another process is about to write it: try again soon
};

/// Puts these names before the others in the file, in one step: whoever reads it finds the old or the new
/// one. What read_address_file() would not use stays as it is. It need not outlast a crash of the system, and
/// is not synced. Whoever is killed meanwhile leaves `PATH.new` at most, which the next one replaces.
tl::expected<void, AddressFileError> update_address_file(const std::string& path,
                                                         const std::vector<KnownName>& names);

}  // namespace mptunnel
