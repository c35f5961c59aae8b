// Makes hostile datagrams: random bytes, and captured datagrams cut short, with a bit flipped, or as they
// were. It sends nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "support/common/prng.h"
#include "support/common/samples.h"

namespace mptunnel::test {

enum class Mutation : std::uint8_t {
  random,    ///< random bytes of a random length
  truncate,  ///< the beginning of a sample, at least one byte short of it, perhaps empty
  flip,      ///< a sample with one random bit flipped
  replay,    ///< a sample as it is
};

/// What a Mutator makes, each kind equally often.
struct MutatorOptions {
  std::vector<Mutation> mutations{Mutation::random};
  std::size_t min_random_bytes = 0;
  std::size_t max_random_bytes = 1500;  ///< at most 65507
};

/// A comma-separated list of the names above, or "all". The error names the word.
tl::expected<std::vector<Mutation>, std::string> parse_mutations(std::string_view text);

/// Whether any of them is made from samples.
bool needs_samples(const std::vector<Mutation>& mutations);

class Mutator {
 public:
  Mutator(MutatorOptions options, std::uint64_t seed) : options_(std::move(options)), random_(seed) {}

  /// Puts the next datagram in `out`. False if its kind needs a sample that is not there: none at all, or
  /// an empty one that can be neither cut nor flipped.
  bool make(const std::vector<Buffer>& samples, Buffer& out);

 private:
  MutatorOptions options_;
  Prng random_;
};

}  // namespace mptunnel::test
