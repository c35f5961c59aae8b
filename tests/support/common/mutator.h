// Makes hostile datagrams: random bytes, and captured datagrams cut short, with a bit flipped, as they were,
// or as the beginning of a forged handshake. It sends nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/crypto/siphash.h"
#include "support/common/prng.h"
#include "support/common/samples.h"

namespace mptunnel::test {

enum class Mutation : std::uint8_t {
  random,    ///< random bytes of a random length
  truncate,  ///< the beginning of a sample, at least one byte short of it, perhaps empty
  flip,      ///< a sample with one random bit flipped
  replay,    ///< a sample as it is
  forge,     ///< a handshake: see kForgedAt
};

/// A forged handshake is a sample with so many random bytes behind the first of it. Its last 8 bytes are
/// their mac if there is a key for it, and else stay.
inline constexpr std::size_t kForgedAt = 40;
inline constexpr std::size_t kForgedBytes = 32;
inline constexpr std::size_t kForgedMacBytes = 8;

/// What a Mutator makes, each kind equally often.
struct MutatorOptions {
  std::vector<Mutation> mutations{Mutation::random};
  std::size_t min_random_bytes = 0;
  std::size_t max_random_bytes = 1500;  ///< at most 65507
  std::optional<SipHashKey> mac_key{};  ///< of forged handshakes
};

/// A comma-separated list of the names above, or "all" but forge. The error names the word.
tl::expected<std::vector<Mutation>, std::string> parse_mutations(std::string_view text);

/// Whether any of them is made from samples.
bool needs_samples(const std::vector<Mutation>& mutations);

class Mutator {
 public:
  Mutator(MutatorOptions options, std::uint64_t seed) : options_(std::move(options)), random_(seed) {}

  /// Puts the next datagram in `out`. False if its kind needs a sample that is not there: none at all, or
  /// an empty one that can be neither cut nor flipped, or one that is too short for a handshake.
  bool make(const std::vector<Buffer>& samples, Buffer& out);

 private:
  bool forge(Buffer& out);

  MutatorOptions options_;
  Prng random_;
};

}  // namespace mptunnel::test
