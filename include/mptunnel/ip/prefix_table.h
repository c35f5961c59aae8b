// Which of many networks an address is in: the longest that contains it. A path-compressed binary trie for
// each family:
//
//     10.0.0.0/8 -> A          [10.0.0.0/8 A]
//     10.1.0.0/16 -> B          0 /      \ 1
//     10.200.0.0/16 -> C  [10.1.0.0/16 B] [10.200.0.0/16 C]
//
// A node that is no entry has two children, so there are fewer than twice as many nodes as entries, and a
// look-up passes one node for each place where the entries beside its way differ, at most 33 or 129.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/ip/limits.h"
#include "mptunnel/ip/prefix.h"

namespace mptunnel {

class PrefixTable {
 public:
  /// What an entry is for, as its owner numbers it: a client, a route.
  using Value = std::uint32_t;
  enum class Inserted : std::uint8_t {
    yes,
    taken,  ///< the very prefix is there, and stays as it was
    full    ///< as many entries as there may be
  };
  struct Match {
    Value value = 0;
    std::uint8_t length = 0;  ///< of the prefix that matched
    friend bool operator==(const Match&, const Match&) = default;
  };

  explicit PrefixTable(std::size_t limit = kMaxPrefixes) : limit_(limit) {}

  Inserted insert(const Prefix& prefix, Value value);
  /// False if there is no such entry.
  bool erase(const Prefix& prefix);
  /// The entry of the longest prefix that contains the address. Allocates nothing.
  [[nodiscard]] std::optional<Match> lookup(const IpAddress& address) const;
  /// The value of just this prefix.
  [[nodiscard]] std::optional<Value> find(const Prefix& prefix) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t nodes() const { return nodes_.size() - free_.size(); }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;
  /// The bits of an address from the left.
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend bool operator==(const Key&, const Key&) = default;
    [[nodiscard]] unsigned bit(unsigned at) const {
      return static_cast<unsigned>((at < 64 ? high >> (63 - at) : low >> (127 - at)) & 1U);
    }
  };
  struct Node {
    Key key;  ///< zero behind its length
    Index children[2] = {kNone, kNone};
    Value value = 0;
    std::uint8_t length = 0;
    bool is_entry = false;
  };

  static Key key_of(const IpAddress& address);
  /// How many bits from the left are the same, at most `most`.
  static unsigned common_bits(const Key& left, const Key& right, unsigned most);
  Index make_node(const Key& key, unsigned length);
  /// Where the index of the node lies that has a prefix, or that would have its place, and the place above;
  /// nullptr at the root. Valid until a node is made.
  struct Place {
    Index* here = nullptr;
    Index* above = nullptr;
  };
  Place place_of(const Key& key, unsigned length, Family family);
  [[nodiscard]] const Node* node_of(const Prefix& prefix) const;
  /// Puts a node above the one at `place`, with the first `length` bits of it.
  void split(Index& place, unsigned length);
  /// Takes a node away that is no entry and has fewer than two children.
  void remove_if_needless(Index& place);
  Index& root_of(Family family) { return roots_[family == Family::ipv4 ? 0 : 1]; }
  [[nodiscard]] Index root_of(Family family) const { return roots_[family == Family::ipv4 ? 0 : 1]; }

  std::vector<Node> nodes_;
  std::vector<Index> free_;  ///< of nodes_
  Index roots_[2] = {kNone, kNone};
  std::size_t limit_;
  std::size_t size_ = 0;
};

}  // namespace mptunnel
