// The file in which mpclient keeps the addresses that the names of its bridges had when these last answered:
// the name server may be reachable through the tunnel alone. What it is not: a cache that spares a lookup.
//
// A name a line, and behind it its addresses. All mpclients of a user share the file; each leaves the names
// of the others as they are.
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

/// The names in such a text, at most kMaxKnownNames. What is no name with addresses is left out.
std::vector<KnownName> parse_known_names(std::string_view text);

/// The names in the file. None if there is no file, and none of one that another user may have written, that
/// is no regular file, or is larger than kMaxAddressFileBytes.
std::vector<KnownName> read_address_file(const std::string& path);

/// Puts these names before the others in the file, in one step: whoever reads it finds the old or the new
/// one. It need not outlast a crash of the system, and is not synced. The error is for people.
tl::expected<void, std::string> update_address_file(const std::string& path,
                                                    const std::vector<KnownName>& names);

}  // namespace mptunnel
