#include "support/common/mutator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mptunnel/base/cursor.h"

namespace mptunnel::test {
namespace {

constexpr std::array<std::pair<std::string_view, Mutation>, 5> kNames{{{"random", Mutation::random},
                                                                       {"truncate", Mutation::truncate},
                                                                       {"flip", Mutation::flip},
                                                                       {"replay", Mutation::replay},
                                                                       {"forge", Mutation::forge}}};

}  // namespace

tl::expected<std::vector<Mutation>, std::string> parse_mutations(std::string_view text) {
  std::vector<Mutation> result;
  if (text == "all") {
    for (const auto& [name, mutation] : kNames) {
      if (mutation != Mutation::forge) result.push_back(mutation);
    }
    return result;
  }
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    const auto* const found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& row) { return row.first == word; });
    if (found == kNames.end()) {
      return tl::unexpected(fmt::format("'{}' is none of random, truncate, flip, replay, forge, all", word));
    }
    result.push_back(found->second);
    if (comma == std::string_view::npos) return result;
    text.remove_prefix(comma + 1);
  }
}

bool needs_samples(const std::vector<Mutation>& mutations) {
  return std::any_of(mutations.begin(), mutations.end(),
                     [](Mutation one) { return one != Mutation::random; });
}

bool Mutator::make(const std::vector<Buffer>& samples, Buffer& out) {
  const Mutation mutation = options_.mutations[random_.below(options_.mutations.size())];
  if (mutation == Mutation::random) {
    const std::size_t span = options_.max_random_bytes - options_.min_random_bytes;
    out.resize(options_.min_random_bytes + random_.below(span + 1));
    random_.fill(out);
    return true;
  }
  if (samples.empty()) return false;
  const Buffer& sample = samples[random_.below(samples.size())];
  if (sample.empty() && mutation != Mutation::replay) return false;
  out = sample;
  if (mutation == Mutation::truncate) out.resize(random_.below(sample.size()));
  if (mutation == Mutation::flip) {
    const std::uint64_t bit = random_.below(sample.size() * 8);
    out[bit / 8] = static_cast<std::uint8_t>(out[bit / 8] ^ 1U << (bit % 8));
  }
  return mutation != Mutation::forge || forge(out);
}

bool Mutator::forge(Buffer& out) {
  if (out.size() < kForgedAt + kForgedBytes + kForgedMacBytes) return false;
  const Bytes all(out);
  random_.fill(all.subspan(kForgedAt, kForgedBytes));
  if (!options_.mac_key) return true;
  const std::size_t before = out.size() - kForgedMacBytes;
  ByteWriter(all.subspan(before)).u64(siphash(*options_.mac_key, all.first(before)));
  return true;
}

}  // namespace mptunnel::test
