#include "support/common/mutator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <string>

#include "mptunnel/base/cursor.h"
#include "plain_values.h"

namespace mptunnel::test {
namespace {

const std::vector<Buffer> kSamples{{1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11}};

int bits_apart(const Buffer& left, const Buffer& right) {
  if (left.size() != right.size()) return -1;
  int count = 0;
  for (std::size_t i = 0; i < left.size(); ++i)
    count += std::popcount(static_cast<unsigned>(left[i] ^ right[i]));
  return count;
}

bool is_proper_prefix(const Buffer& part, const Buffer& whole) {
  return part.size() < whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

TEST(Mutator, RandomKeepsWithinItsSizes) {
  Mutator mutator({.mutations = {Mutation::random}, .min_random_bytes = 5, .max_random_bytes = 8}, 1);
  std::set<std::size_t> sizes;
  std::set<std::string> all;
  Buffer out;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(mutator.make({}, out));
    sizes.insert(out.size());
    all.insert(text_of(out));
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{5, 6, 7, 8}));
  EXPECT_EQ(all.size(), 200U);
}

TEST(Mutator, TruncateGivesEveryProperPrefix) {
  Mutator mutator({.mutations = {Mutation::truncate}}, 1);
  std::set<std::string> all;
  Buffer out;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(mutator.make(kSamples, out));
    ASSERT_TRUE(is_proper_prefix(out, kSamples[0]) || is_proper_prefix(out, kSamples[1]));
    all.insert(text_of(out));
  }
  // 8 of the first and 3 of the second; the empty one is of both.
  EXPECT_EQ(all.size(), 10U);
}

TEST(Mutator, FlipChangesExactlyOneBit) {
  Mutator mutator({.mutations = {Mutation::flip}}, 1);
  std::set<std::string> all;
  Buffer out;
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(mutator.make(kSamples, out));
    ASSERT_TRUE(bits_apart(out, kSamples[0]) == 1 || bits_apart(out, kSamples[1]) == 1);
    all.insert(text_of(out));
  }
  EXPECT_EQ(all.size(), 11U * 8U);
}

TEST(Mutator, ReplayGivesTheSamples) {
  Mutator mutator({.mutations = {Mutation::replay}}, 1);
  std::set<std::string> all;
  Buffer out;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(mutator.make(kSamples, out));
    all.insert(text_of(out));
  }
  EXPECT_EQ(all, (std::set<std::string>{text_of(kSamples[0]), text_of(kSamples[1])}));
}

TEST(Mutator, ForgeKeepsAllButAKeyAndTheMac) {
  Buffer sample(100);
  for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = static_cast<std::uint8_t>(i);
  const SipHashKey key{1, 2};
  for (const bool has_key : {false, true}) {
    Mutator mutator({.mutations = {Mutation::forge}, .mac_key = has_key ? std::optional(key) : std::nullopt},
                    1);
    std::set<std::string> all;
    Buffer out;
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(mutator.make({sample}, out));
      all.insert(text_of(out));
      ASSERT_EQ(out.size(), sample.size());
      ASSERT_TRUE(std::equal(out.begin(), out.begin() + kForgedAt, sample.begin()));
      ASSERT_TRUE(std::equal(out.begin() + kForgedAt + kForgedBytes, out.end() - kForgedMacBytes,
                             sample.begin() + kForgedAt + kForgedBytes));
      const ConstBytes bytes(out);
      ByteReader mac(bytes.subspan(out.size() - kForgedMacBytes));
      const bool is_right = mac.u64() == siphash(key, bytes.first(out.size() - kForgedMacBytes));
      ASSERT_EQ(is_right, has_key);
    }
    EXPECT_EQ(all.size(), 100U);
  }
  Buffer out;
  EXPECT_FALSE(Mutator({.mutations = {Mutation::forge}}, 1).make({Buffer(79)}, out));
}

TEST(Mutator, SaysSoWithoutAFittingSample) {
  Buffer out;
  EXPECT_FALSE(Mutator({.mutations = {Mutation::replay}}, 1).make({}, out));
  EXPECT_FALSE(Mutator({.mutations = {Mutation::flip}}, 1).make({{}}, out));
  EXPECT_FALSE(Mutator({.mutations = {Mutation::truncate}}, 1).make({{}}, out));
  EXPECT_TRUE(Mutator({.mutations = {Mutation::replay}}, 1).make({{}}, out));
  EXPECT_TRUE(out.empty());
}

TEST(Mutator, RepeatsItselfForTheSameSeed) {
  const MutatorOptions options{.mutations = *parse_mutations("all")};
  Mutator first(options, 4);
  Mutator second(options, 4);
  Buffer one;
  Buffer two;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(first.make(kSamples, one));
    ASSERT_TRUE(second.make(kSamples, two));
    ASSERT_EQ(one, two);
  }
}

TEST(ParseMutations, TakesListsAndNamesTheWrongWord) {
  EXPECT_EQ(*parse_mutations("flip,replay"), (std::vector<Mutation>{Mutation::flip, Mutation::replay}));
  EXPECT_EQ(parse_mutations("all")->size(), 4U);
  EXPECT_NE(parse_mutations("flip,flop").error().find("'flop'"), std::string::npos);
  EXPECT_FALSE(parse_mutations(""));
  EXPECT_FALSE(parse_mutations("flip,"));
  EXPECT_FALSE(needs_samples({Mutation::random}));
  EXPECT_TRUE(needs_samples({Mutation::random, Mutation::flip}));
}

}  // namespace
}  // namespace mptunnel::test
