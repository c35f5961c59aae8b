// Both engines together: what the client and its paths are called, and where the server sees them.

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tunnel.h"

namespace mptunnel {
namespace {

using test::frame_bytes;
using test::Packet;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

TunnelSettings named() {
  TunnelSettings settings;
  settings.paths = 2;
  settings.name = "boathouse";
  settings.path_names = {"fibre", "mobile"};
  return settings;
}

template <typename Kind>
const Kind* first_of(const std::vector<Event>& events) {
  for (const Event& event : events) {
    if (const auto* found = std::get_if<Kind>(&event)) return found;
  }
  return nullptr;
}

class TunnelNames : public testing::Test {
 protected:
  explicit TunnelNames(const TunnelSettings& settings = named()) : tunnel_(settings) {
    tunnel_.arrives = [this](const Wire& wire) {
      if (is_name(wire) && lost_names_ > 0) {
        --lost_names_;
        return false;
      }
      return !drops_answers_ || !is_seen_from(wire);
    };
    tunnel_.start();
    tunnel_.application_sends(1, "first");
  }
  [[nodiscard]] Endpoint seen(std::uint8_t path) const {
    return tunnel_.client->snapshot(tunnel_.now).paths.at(path).seen_from;
  }
  [[nodiscard]] PeerSnapshot peer() const { return tunnel_.server->snapshot(tunnel_.now).peers.at(0); }
  /// Packets with NAME that were sent since the last call.
  std::size_t names_sent() {
    const auto count = std::count_if(tunnel_.wires.begin(), tunnel_.wires.end(), is_name);
    tunnel_.wires.clear();
    return static_cast<std::size_t>(count);
  }
  /// By its size, which no other packet here has: "boathouse" and "fibre" or "mobile", alone or before an
  /// ECHO and a PING.
  static bool is_name(const Wire& wire) {
    const std::size_t names = KeyEpoch::kControlOverhead + 2 * 3 + 9;
    const std::size_t with_echo = names + 9 + 1 + kReportBytes;
    const std::size_t size = wire.bytes.size();
    return wire.to_server && wire.type() == PacketType::control &&
           (size == names + 5 || size == names + 6 || size == with_echo + 5 || size == with_echo + 6);
  }
  static bool is_seen_from(const Wire& wire) {
    return !wire.to_server && wire.type() == PacketType::control &&
           wire.bytes.size() == KeyEpoch::kControlOverhead + 1 + 1 + 1 + 16 + 2;
  }

  int lost_names_ = 0;  ///< so many of the next packets with NAME
  bool drops_answers_ = false;
  Tunnel tunnel_;
};

TEST_F(TunnelNames, TheFirstLineOfASessionHasThem) {
  const auto* started = first_of<ClientSessionStarted>(tunnel_.server_events);
  ASSERT_NE(started, nullptr);
  EXPECT_EQ(started->session.name, "boathouse");
  const auto* path = first_of<ClientPathChanged>(tunnel_.server_events);
  ASSERT_NE(path, nullptr);
  EXPECT_EQ(path->session.path_name, path->path == PathId{0} ? "fibre" : "mobile");
  EXPECT_EQ(peer().name, "boathouse");
  EXPECT_EQ(peer().paths.at(0).name, "fibre");
  EXPECT_EQ(peer().paths.at(1).name, "mobile");
}

TEST_F(TunnelNames, TheClientIsToldWhereItsPathsAreSeen) {
  EXPECT_EQ(seen(0), tunnel_.route(PathId{0}).remote);
  EXPECT_EQ(seen(1), tunnel_.route(PathId{1}).remote);
  EXPECT_EQ(names_sent(), 2U);
  tunnel_.advance(kNameRepeatMost);
  EXPECT_EQ(names_sent(), 0U) << "what was answered is not asked again";
}

TEST_F(TunnelNames, APathThatMovesIsToldSoUnasked) {
  names_sent();
  tunnel_.rebind(PathId{1}, 5555);
  for (int i = 0; i < 100; ++i) {
    tunnel_.application_sends(1, "x");
    tunnel_.advance(10ms);
  }
  EXPECT_EQ(seen(1).port, 5555);
  EXPECT_EQ(names_sent(), 0U);
}

TEST_F(TunnelNames, IsAskedAnewUnderEachKey) {
  names_sent();
  tunnel_.advance(kRekeyAfter - 2s);
  EXPECT_EQ(names_sent(), 0U);
  tunnel_.application_sends(1, "x");
  tunnel_.advance(4s);
  EXPECT_EQ(names_sent(), 2U);
}

TEST_F(TunnelNames, IsSaidAgainEverMoreSeldomUntilItIsAnswered) {
  names_sent();
  drops_answers_ = true;
  tunnel_.restart_client();
  tunnel_.application_sends(1, "first");
  tunnel_.advance(70s);
  // At once, and after 1, 3, 7, 15, 31 and 63 s.
  EXPECT_EQ(names_sent(), 2 * 7U);
  EXPECT_FALSE(seen(0).is_set());
  drops_answers_ = false;
  tunnel_.advance(kNameRepeatMost + 2s);
  EXPECT_TRUE(seen(0).is_set() && seen(1).is_set());
  EXPECT_EQ(peer().paths.at(0).name, "fibre");
}

/// What proves the path's address to the server has the name in the same packet: where it is lost, there is
/// no line yet.
TEST_F(TunnelNames, EachLineHasThemHoweverManyPacketsWithThemAreLost) {
  tunnel_.server_events.clear();
  lost_names_ = 9;
  tunnel_.restart_client();
  tunnel_.application_sends(1, "first");
  tunnel_.advance(5s);
  ASSERT_EQ(lost_names_, 0);
  std::size_t paths = 0;
  for (const Event& event : tunnel_.server_events) {
    if (const auto* path = std::get_if<ClientPathChanged>(&event)) {
      EXPECT_EQ(path->session.path_name, path->path == PathId{0} ? "fibre" : "mobile");
      ++paths;
    }
  }
  EXPECT_GE(paths, 2U);
  EXPECT_TRUE(seen(0).is_set() && seen(1).is_set());
}

TEST_F(TunnelNames, APathThatIsHeldFromItsStartHasItsNameAsWell) {
  const auto arrives = std::exchange(tunnel_.arrives, [](const Wire&) { return false; });
  tunnel_.restart_client();
  tunnel_.client->hold_path(PathId{1}, true, tunnel_.out, tunnel_.now);
  tunnel_.arrives = arrives;
  tunnel_.server_events.clear();
  tunnel_.advance(10s);
  EXPECT_EQ(peer().paths.at(1).name, "mobile");
  const auto path =
      std::find_if(tunnel_.server_events.begin(), tunnel_.server_events.end(), [](const Event& event) {
        const auto* changed = std::get_if<ClientPathChanged>(&event);
        return changed != nullptr && changed->path == PathId{1};
      });
  ASSERT_NE(path, tunnel_.server_events.end());
  EXPECT_EQ(std::get<ClientPathChanged>(*path).session.path_name, "mobile");
}

TEST_F(TunnelNames, APathThatIsCalledOtherwiseSaysSo) {
  tunnel_.client->set_path_name(PathId{1}, "spare");
  tunnel_.advance(2s);
  EXPECT_EQ(peer().paths.at(1).name, "spare");
}

TEST_F(TunnelNames, AnAddressThatProvesNothingGetsNoAnswer) {
  tunnel_.wires.clear();
  const PathId fresh{5};
  const Route away{*parse_numeric_endpoint("198.51.100.9", 9), tunnel_.route(PathId{0}).local};
  PingFrame ping;
  ping.report.path = fresh;
  tunnel_.to_server(tunnel_.seal_as_client(PacketType::control, frame_bytes({ping})), away);
  const auto to_away = [&] {
    return std::count_if(tunnel_.wires.begin(), tunnel_.wires.end(),
                         [&](const Wire& wire) { return !wire.to_server && wire.route == away; });
  };
  const auto before = to_away();
  tunnel_.to_server(
      tunnel_.seal_as_client(PacketType::control, frame_bytes({NameFrame{fresh, bytes_of("trap")}})), away);
  EXPECT_EQ(to_away(), before);
}

TEST_F(TunnelNames, StaysOneWordOfLettersThatLogsCanShow) {
  const std::string nasty = "a b\n\x1b[2J\xc3\xa4~";
  tunnel_.to_server(
      tunnel_.seal_as_client(PacketType::control, frame_bytes({NameFrame{kClientItself, bytes_of(nasty)}})));
  EXPECT_EQ(peer().name, "a?b??[2J??~");
}

TEST_F(TunnelNames, TheEndOfASessionHasItsTotals) {
  const FlowHandle flow = tunnel_.at_target.at(0).flow;
  tunnel_.application_sends(1, "second");
  tunnel_.target_sends(flow, "answer");
  tunnel_.advance(20s);
  tunnel_.client->close(tunnel_.out, tunnel_.now);
  tunnel_.carry();
  const auto* ended = first_of<ClientSessionEnded>(tunnel_.server_events);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->totals.from_client, 2U);
  EXPECT_EQ(ended->totals.to_client, 1U);
  EXPECT_NEAR(std::chrono::duration<double>(ended->totals.lasted).count(), 20, 0.5);
  EXPECT_EQ(ended->session.name, "boathouse");
}

class TunnelLongNames : public TunnelNames {
 protected:
  static TunnelSettings long_names() {
    TunnelSettings settings = named();
    settings.name = "garage-garage-garage-garage-garage-garage-garage.7";
    settings.path_names = {"a-long-host-name-" + std::string(200, 'p') + ".example.com:4000"};
    return settings;
  }
  TunnelLongNames() : TunnelNames(long_names()) {}
};

TEST_F(TunnelLongNames, AreShortenedSoThatItShows) {
  EXPECT_EQ(peer().name, "garage-garage-garag...ge-garage-garage.7");
  EXPECT_EQ(peer().name.size(), kMaxNameBytes);
  EXPECT_EQ(peer().paths.at(0).name, "a-long-host-name-pp...p.example.com:4000");
  EXPECT_EQ(peer().paths.at(1).name, "") << "it has none";
  EXPECT_FALSE(seen(1).is_set());
}

}  // namespace
}  // namespace mptunnel
