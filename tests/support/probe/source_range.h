// Source addresses for datagrams of one unconnected socket: what an attacker can forge who can send from any
// address of a network. The addresses have to be local ones, for example by a route of type local.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "support/common/batch_io.h"

namespace mptunnel::test {

/// `count` addresses of "A.B.C.D/BITS", spread evenly over it, as the message that has a datagram to
/// `remote` leave from each. The error says what is wrong with the text or the count.
tl::expected<std::vector<Peer>, std::string> peers_with_sources(std::string_view network, std::size_t count,
                                                                const Endpoint& remote);

}  // namespace mptunnel::test
