// InnerRoutes against a list that is looked through, under random questions, ends and take-overs.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "inner_routes_support.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::inner_owner;
using test::inner_settings;
using test::ip;

/// The list. Addresses and networks are judged by it; of an automatic address it says whether what was given
/// is one that may be.
class PlainRoutes {
 public:
  explicit PlainRoutes(const InnerSettings& settings) : settings_(settings) {}

  struct Row {
    Prefix prefix;
    InnerKind kind{};
    InnerOwner owner;
    std::optional<SessionHandle> session;
    TimePoint left{};
  };

  /// Whether `answer` is right; then it is the list's from now on.
  void judge(const InnerOwner& owner, SessionHandle session, const std::vector<InnerEntry>& wanted,
             const std::vector<InnerEntry>& answer) {
    owner_ = owner;
    session_ = session;
    claimed_.clear();
    ASSERT_EQ(answer.size(), wanted.size() + settings_.device.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      SCOPED_TRACE(i);
      const IpAddress address = address_of(wanted[i].prefix);
      if (wanted[i].kind == InnerKind::network) {
        const Prefix network = prefix_of(address, wanted[i].prefix.length);
        ASSERT_EQ(answer[i].verdict, judge_network(network)) << network.to_string();
      } else if (!has_family(address.family)) {
        ASSERT_EQ(answer[i].verdict, InnerVerdict::no_device);
      } else if (wanted[i].kind == InnerKind::address) {
        ASSERT_EQ(answer[i].verdict, judge_address(address)) << address.to_string();
      } else {
        ASSERT_NO_FATAL_FAILURE(judge_automatic(address, answer[i]));
      }
    }
    std::erase_if(rows_, [&](const Row& row) {
      const bool is_claimed = std::find(claimed_.begin(), claimed_.end(), row.prefix) != claimed_.end();
      return is_own(row) && !is_claimed;
    });
  }
  void leave(SessionHandle session, TimePoint when) {
    for (Row& row : rows_) {
      if (row.session != session) continue;
      row.session.reset();
      row.left = when;
    }
  }
  void hand_over(SessionHandle from, SessionHandle to) {
    for (Row& row : rows_) {
      if (row.session == from) row.session = to;
    }
  }
  [[nodiscard]] InnerRoutes::Destination find(const IpAddress& address) const {
    for (const AddressPrefix& own : settings_.device) {
      if (own.address == address) return {InnerRoutes::Place::device, {}};
    }
    const Row* best = nullptr;
    for (const Row& row : rows_) {
      if (row.prefix.contains(address) && (best == nullptr || row.prefix.length > best->prefix.length))
        best = &row;
    }
    for (const AddressPrefix& own : settings_.device) {
      const bool is_in = own.network().contains(address);
      if (is_in && (best == nullptr || best->prefix.length < own.length))
        return {InnerRoutes::Place::nobody, {}};
    }
    if (best == nullptr) return {InnerRoutes::Place::device, {}};
    if (!best->session) return {InnerRoutes::Place::nobody, {}};
    return {InnerRoutes::Place::client, *best->session};
  }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  [[nodiscard]] bool is_own(const Row& row) const {
    return row.owner == owner_ && (!row.session || row.session == session_);
  }
  [[nodiscard]] bool has_family(Family family) const {
    return std::any_of(settings_.device.begin(), settings_.device.end(),
                       [&](const AddressPrefix& own) { return own.address.family == family; });
  }
  [[nodiscard]] bool is_for_clients(const IpAddress& address) const {
    return std::any_of(settings_.device.begin(), settings_.device.end(), [&](const AddressPrefix& own) {
      return own.network().contains(address) && address != own.address && address != own.network().address &&
             !own.is_broadcast(address);
    });
  }
  Row* row_of(const Prefix& prefix) {
    const auto found =
        std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.prefix == prefix; });
    return found == rows_.end() ? nullptr : &*found;
  }
  void take(const Prefix& prefix, InnerKind kind) {
    std::erase_if(rows_, [&](const Row& row) { return row.prefix == prefix; });
    rows_.push_back({prefix, kind, owner_, session_, {}});
    claimed_.push_back(prefix);
  }
  static Prefix alone(const IpAddress& address) { return prefix_of(address, address.bits()); }

  InnerVerdict judge_address(const IpAddress& address) {
    if (!is_for_clients(address)) return InnerVerdict::not_allowed;
    const Row* row = row_of(alone(address));
    if (row != nullptr && row->session && !is_own(*row)) return InnerVerdict::taken;
    take(alone(address), InnerKind::address);
    return InnerVerdict::given;
  }
  [[nodiscard]] const Prefix* allowed_around(const Prefix& network) const {
    const Prefix* best = nullptr;
    for (const Prefix& allowed : settings_.allowed) {
      const bool is_around = allowed.length <= network.length && allowed.contains(network.address);
      if (is_around && (best == nullptr || allowed.length > best->length)) best = &allowed;
    }
    return best;
  }
  InnerVerdict judge_network(const Prefix& network) {
    for (const AddressPrefix& own : settings_.device) {
      if (own.length <= network.length && own.network().contains(network.address))
        return InnerVerdict::not_allowed;
    }
    if (allowed_around(network) == nullptr) return InnerVerdict::not_allowed;
    std::vector<Prefix> in_the_way;
    for (const Row& row : rows_) {
      const bool overlaps = row.prefix.contains(network.address) || network.contains(row.prefix.address);
      const bool is_same_part = allowed_around(row.prefix) == allowed_around(network);
      if (row.kind != InnerKind::network || is_own(row) || !overlaps || !is_same_part) continue;
      if (row.session) return InnerVerdict::taken;
      in_the_way.push_back(row.prefix);
    }
    std::erase_if(rows_, [&](const Row& row) {
      return std::find(in_the_way.begin(), in_the_way.end(), row.prefix) != in_the_way.end();
    });
    take(network, InnerKind::network);
    return InnerVerdict::given;
  }
  /// All that a client may have.
  [[nodiscard]] std::vector<IpAddress> addresses(Family family) const {
    std::vector<IpAddress> all;
    for (const AddressPrefix& own : settings_.device) {
      IpAddress address = own.network().address;
      for (; address.family == family && own.network().contains(address);
           ++address.octets[address.bits() / 8 - 1]) {
        if (is_for_clients(address)) all.push_back(address);
        if (address.octets[address.bits() / 8 - 1] == 0xff) break;
      }
    }
    return all;
  }
  void judge_automatic(const IpAddress& wish, const InnerEntry& answer) {
    const IpAddress given = address_of(answer.prefix);
    const auto is_unclaimed = [&](const Row& row) {
      return std::find(claimed_.begin(), claimed_.end(), row.prefix) == claimed_.end();
    };
    std::vector<IpAddress> kept;
    std::vector<const Row*> idle;
    for (const Row& row : rows_) {
      if (row.kind == InnerKind::network || row.prefix.address.family != wish.family) continue;
      if (row.kind == InnerKind::automatic && is_own(row) && is_unclaimed(row))
        kept.push_back(row.prefix.address);
      if (!row.session) idle.push_back(&row);
    }
    std::vector<IpAddress> free = addresses(wish.family);
    std::erase_if(free, [&](const IpAddress& address) { return row_of(alone(address)) != nullptr; });
    std::vector<IpAddress> right = kept;
    if (right.empty() && std::find(free.begin(), free.end(), wish) != free.end()) right = {wish};
    if (right.empty()) right = free;
    if (right.empty()) {
      // One of those that were left the longest.
      const auto oldest = std::min_element(idle.begin(), idle.end(),
                                           [](const Row* a, const Row* b) { return a->left < b->left; });
      for (const Row* row : idle) {
        if (row->left == (*oldest)->left) right.push_back(row->prefix.address);
      }
    }
    ASSERT_EQ(answer.verdict, right.empty() ? InnerVerdict::no_room : InnerVerdict::given);
    if (right.empty()) return;
    ASSERT_NE(std::find(right.begin(), right.end(), given), right.end()) << given.to_string();
    take(alone(given), InnerKind::automatic);
  }

  InnerSettings settings_;
  std::vector<Row> rows_;
  std::vector<Prefix> claimed_;
  InnerOwner owner_;
  SessionHandle session_;
};

class InnerRoutesOracle : public testing::TestWithParam<std::uint64_t> {
 protected:
  /// Something that is wanted: mostly of a small part of what there is, so that clients meet.
  InnerEntry some_entry() {
    const bool is_ipv4 = random_.below(3) != 0;
    InnerEntry entry;
    entry.kind = static_cast<InnerKind>(1 + random_.below(3));
    IpAddress address = ip(is_ipv4 ? "10.42.42.0" : "fd00:42::");
    const std::size_t last = address.bits() / 8 - 1;
    if (entry.kind == InnerKind::network) {
      address = ip(is_ipv4 ? "192.168.0.0" : "fd00:9::");
      address.octets[is_ipv4 ? 2 : 5] = static_cast<std::uint8_t>(random_.below(16));
      const std::uint64_t most = is_ipv4 ? 25 : 49;
      entry.prefix = inner_prefix(address, static_cast<std::uint8_t>(most - random_.below(10)));
      if (random_.below(20) == 0) entry.prefix.length = 0;
      return entry;
    }
    address.octets[last] = static_cast<std::uint8_t>(random_.below(18));
    if (entry.kind == InnerKind::automatic && random_.below(2) == 0) address.octets = {};
    entry.prefix = inner_prefix(address, static_cast<std::uint8_t>(address.bits()));
    return entry;
  }
  IpAddress some_address() {
    IpAddress address = ip(random_.below(3) != 0 ? "10.42.42.0" : "fd00:42::");
    address.octets[address.bits() / 8 - 1] = static_cast<std::uint8_t>(random_.below(20));
    if (random_.below(2) == 0) return address;
    address = ip(random_.below(3) != 0 ? "192.168.0.1" : "fd00:9::1");
    address.octets[address.bits() == 32 ? 2 : 5] = static_cast<std::uint8_t>(random_.below(20));
    return address;
  }

  test::TestRandom random_{GetParam()};
};

TEST_P(InnerRoutesOracle, AgreesWithAListThatIsLookedThrough) {
  const InnerSettings settings = inner_settings({"10.42.42.3/28", "fd00:42::5/124"},
                                                {"192.168.0.0/16", "192.168.4.0/22", "::/0", "fd00:9::/40"});
  InnerRoutes routes(settings, 1000);
  PlainRoutes plain(settings);
  struct Client {
    InnerOwner owner;
    SessionHandle session;
    bool is_there = false;
  };
  std::vector<Client> clients(10);
  for (std::size_t i = 0; i < clients.size(); ++i)
    clients[i].owner = inner_owner(static_cast<std::uint8_t>(i));
  // Twins.
  clients[9].owner = clients[8].owner;
  std::uint32_t next_session = 1;
  TimePoint now{};
  std::map<InnerVerdict, int> verdicts;
  for (int round = 0; round < 4'000; ++round) {
    now += std::chrono::seconds(1);
    Client& client = clients[random_.below(clients.size())];
    const std::uint64_t what = random_.below(10);
    if (what == 0 && client.is_there) {
      routes.leave(client.session, now);
      plain.leave(client.session, now);
      client.is_there = false;
    } else if (what == 1 && client.is_there) {
      const SessionHandle next{next_session++};
      routes.hand_over(client.session, next);
      plain.hand_over(client.session, next);
      client.session = next;
    } else {
      if (!client.is_there) client.session = SessionHandle{next_session++};
      client.is_there = true;
      std::vector<InnerEntry> wanted(random_.below(4));
      for (InnerEntry& entry : wanted) entry = some_entry();
      const auto answer = routes.settle(client.owner, client.session, wanted);
      ASSERT_NO_FATAL_FAILURE(plain.judge(client.owner, client.session, wanted, answer)) << round;
      for (std::size_t i = 0; i < wanted.size(); ++i) ++verdicts[answer[i].verdict];
    }
    ASSERT_EQ(routes.size(), plain.rows().size()) << round;
    for (int i = 0; i < 20; ++i) {
      const IpAddress address = some_address();
      const auto found = plain.find(address);
      ASSERT_EQ(routes.find(address), found) << address.to_string();
      for (const Client& other : clients) {
        const bool is_its = found.place == InnerRoutes::Place::client && found.session == other.session;
        ASSERT_EQ(routes.has(other.session, address), is_its && address.is_host());
      }
    }
  }
  for (const InnerVerdict verdict : {InnerVerdict::given, InnerVerdict::taken, InnerVerdict::not_allowed})
    EXPECT_GT(verdicts[verdict], 100) << name_of(verdict);
}

INSTANTIATE_TEST_SUITE_P(Seeds, InnerRoutesOracle, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace mptunnel
