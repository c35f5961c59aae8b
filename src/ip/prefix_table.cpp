#include "mptunnel/ip/prefix_table.h"

#include <algorithm>
#include <bit>

#include "mptunnel/base/cursor.h"

namespace mptunnel {

PrefixTable::Key PrefixTable::key_of(const IpAddress& address) {
  ByteReader reader(address.octets);
  const std::uint64_t high = reader.u64().value_or(0);
  return {high, reader.u64().value_or(0)};
}

unsigned PrefixTable::common_bits(const Key& left, const Key& right, unsigned most) {
  auto common = static_cast<unsigned>(std::countl_zero(left.high ^ right.high));
  if (common == 64) common += static_cast<unsigned>(std::countl_zero(left.low ^ right.low));
  return std::min(common, most);
}

PrefixTable::Index PrefixTable::make_node(const Key& key, unsigned length) {
  Node node;
  node.length = static_cast<std::uint8_t>(length);
  if (length > 0) node.key.high = key.high & ~std::uint64_t{0} << (64 - std::min(length, 64U));
  if (length > 64) node.key.low = key.low & ~std::uint64_t{0} << (128 - length);
  if (free_.empty()) {
    nodes_.push_back(node);
    return static_cast<Index>(nodes_.size() - 1);
  }
  const Index index = free_.back();
  free_.pop_back();
  nodes_[index] = node;
  return index;
}

PrefixTable::Place PrefixTable::place_of(const Key& key, unsigned length, Family family) {
  Place place{&root_of(family), nullptr};
  while (*place.here != kNone) {
    Node& node = nodes_[*place.here];
    if (node.length >= length || common_bits(node.key, key, node.length) < node.length) break;
    place = {&node.children[key.bit(node.length)], place.here};
  }
  return place;
}

void PrefixTable::split(Index& place, unsigned length) {
  const Index below = place;
  const Index index = make_node(nodes_[below].key, length);
  nodes_[index].children[nodes_[below].key.bit(length)] = below;
  place = index;
}

PrefixTable::Inserted PrefixTable::insert(const Prefix& prefix, Value value) {
  if (find(prefix)) return Inserted::taken;
  if (size_ >= limit_) return Inserted::full;
  // Places stay valid while nodes are made: there are two at most.
  if (nodes_.capacity() < nodes_.size() + 2) nodes_.reserve(nodes_.size() * 2 + 2);
  const Key key = key_of(prefix.address);
  Index* here = place_of(key, prefix.length, prefix.address.family).here;
  if (*here != kNone) {
    const Node& node = nodes_[*here];
    const unsigned common = common_bits(node.key, key, std::min(node.length, prefix.length));
    if (common < node.length) split(*here, common);
    // Beside what was here: the new branch has another child.
    if (common < prefix.length) here = &nodes_[*here].children[key.bit(common)];
  }
  if (*here == kNone) *here = make_node(key, prefix.length);
  nodes_[*here].value = value;
  nodes_[*here].is_entry = true;
  ++size_;
  return Inserted::yes;
}

void PrefixTable::remove_if_needless(Index& place) {
  const Node& node = nodes_[place];
  if (node.is_entry || (node.children[0] != kNone && node.children[1] != kNone)) return;
  free_.push_back(place);
  place = node.children[0] != kNone ? node.children[0] : node.children[1];
}

bool PrefixTable::erase(const Prefix& prefix) {
  if (!find(prefix)) return false;
  const Place place = place_of(key_of(prefix.address), prefix.length, prefix.address.family);
  nodes_[*place.here].is_entry = false;
  remove_if_needless(*place.here);
  if (place.above != nullptr) remove_if_needless(*place.above);
  --size_;
  return true;
}

const PrefixTable::Node* PrefixTable::node_of(const Prefix& prefix) const {
  const Key key = key_of(prefix.address);
  Index index = root_of(prefix.address.family);
  while (index != kNone && nodes_[index].length < prefix.length) {
    index = nodes_[index].children[key.bit(nodes_[index].length)];
  }
  if (index == kNone || nodes_[index].length != prefix.length || nodes_[index].key != key) return nullptr;
  return &nodes_[index];
}

std::optional<PrefixTable::Value> PrefixTable::find(const Prefix& prefix) const {
  const Node* const node = node_of(prefix);
  if (node == nullptr || !node->is_entry) return std::nullopt;
  return node->value;
}

std::optional<PrefixTable::Match> PrefixTable::lookup(const IpAddress& address) const {
  const Key key = key_of(address);
  std::optional<Match> best;
  Index index = root_of(address.family);
  while (index != kNone) {
    const Node& node = nodes_[index];
    if (common_bits(node.key, key, node.length) < node.length) break;
    if (node.is_entry) best = Match{node.value, node.length};
    if (node.length == address.bits()) break;
    index = node.children[key.bit(node.length)];
  }
  return best;
}

}  // namespace mptunnel
