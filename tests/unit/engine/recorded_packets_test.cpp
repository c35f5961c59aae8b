// Every packet that both ends send in scripted scenarios, and all that they deliver, beside a recording: what
// is rebuilt inside the engines changes not one byte on the wire, and no timer.
//
// A recording is tests/unit/engine/recorded_packets/NAME.txt. Each line has the virtual time in seconds, the
// end (c0 is client 0, s the server), and what it did: sends PATHS, the session at the server, the DSCP,
// COUNTxSTRIDE and +TAIL of the last packet, the bytes, or their first 8 and a hash; delivers SIZES, bytes.
// Where the bytes are meant to change,
//
//     MPTUNNEL_RECORD=1 build/unit_engine --gtest_filter='*RecordedPackets*'
//
// writes the recordings anew; the difference then belongs into the commit, and into docs/protocol.md.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "recorder.h"

namespace mptunnel {
namespace {

using test::Flight;
using test::Recorder;
using test::RecorderSettings;

using Fate = std::vector<Duration>;
using Recording = std::vector<std::string>;

constexpr PathTraits kPlain{};
constexpr PathTraits kBackup{true, false, kProbeWhileIdle};
constexpr PathTraits kMetered{false, true, 20s};

SecretKey key_of(std::uint8_t fill) {
  SecretKey key;
  key.bytes.fill(fill);
  return key;
}

/// Ciphers are named, never chosen by what this processor has.
HandshakeSettings handshake(bool has_key, bool encrypt, bool aes) {
  HandshakeSettings settings;
  if (has_key) settings.key = key_of(5);
  settings.encrypt = encrypt;
  settings.fast_aes = aes;
  return settings;
}

RecorderSettings settings_of(const HandshakeSettings& both, const std::vector<PathTraits>& paths) {
  RecorderSettings settings;
  settings.client = settings.server = both;
  settings.paths = paths;
  return settings;
}
RecorderSettings aes(std::size_t paths) {
  return settings_of(handshake(true, true, true), std::vector<PathTraits>(paths));
}

bool has_type(const Flight& flight, PacketType type) {
  const auto header = decode_header(flight.bytes);
  return header && header->type == type;
}

/// A network that drops what is larger than its path carries.
auto narrow(const std::vector<std::size_t>& mtus) {
  return [mtus](const Flight& flight) {
    return flight.bytes.size() <= mtus.at(flight.path.value) ? Fate{Duration{}} : Fate{};
  };
}

/// What every tunnel does: flows, replies, sizes, DSCP, idling, the end.
Recording traffic(const RecorderSettings& settings) {
  Recorder recorder(settings);
  recorder.note("datagrams before there is a session");
  recorder.application_sends(1, 40);
  recorder.application_sends(2, 60, 3, 10);
  recorder.start();
  recorder.run_for(100ms);
  recorder.note("runs, DSCP and several flows");
  recorder.application_sends(1, 500, 5, 46);
  recorder.application_sends(1, 500, 70);
  recorder.application_sends(3, 1100, 2);
  recorder.run_for(50ms);
  recorder.target_sends(0, 700, 4, 34);
  recorder.target_sends(0, 30, 66);
  recorder.target_sends(2, 1000);
  recorder.run_for(50ms);
  recorder.note("empty, largest and too large datagrams");
  for (const std::size_t size : {0U, 1U, 1400U, 65507U, 65508U}) {
    recorder.application_sends(1, size);
    recorder.target_sends(1, size);
  }
  recorder.run_for(100ms);
  recorder.note("a datagram for no flow");
  recorder.target_sends(99, 10);
  recorder.exchange(300ms);
  recorder.note("idle");
  recorder.run_for(25s);
  recorder.close_client();
  recorder.run_for(1s);
  return recorder.finish();
}

Recording aes_with_key() {
  return traffic(aes(3));
}
Recording chacha_without_key() {
  return traffic(settings_of(handshake(false, true, false), {kPlain, kPlain}));
}
Recording clear_with_key() {
  return traffic(settings_of(handshake(true, false, true), {kPlain, kPlain}));
}
Recording clear_without_key() {
  return traffic(settings_of(handshake(false, false, false), {kPlain}));
}

/// Paths that carry less than others, each way, and less than before.
Recording mixed_mtus(const RecorderSettings& settings) {
  Recorder recorder(settings);
  recorder.fate = narrow({1472, 1372, 560});
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(1s, 1300, 200ms);
  for (const std::size_t size : {520U, 545U, 1347U, 1454U, 3000U, 20000U}) {
    recorder.application_sends(1, size, 2, 12);
    recorder.target_sends(0, size, 2, 12);
    recorder.application_sends(static_cast<std::uint16_t>(100 + size), size);
    recorder.run_for(30ms);
  }
  recorder.note("fragments go missing");
  std::size_t number = 0;
  recorder.fate = [&number](const Flight& flight) {
    const bool is_lost = flight.path.value != 2 || ++number % 4 == 0 || flight.bytes.size() > 560;
    return is_lost ? Fate{} : Fate{Duration{}};
  };
  for (int i = 0; i < 5; ++i) {
    recorder.application_sends(1, 1400);
    recorder.target_sends(0, 1400);
    recorder.run_for(20ms);
  }
  recorder.run_for(300ms);
  if (!settings.client.encrypt) return recorder.finish();
  recorder.note("the first path shrinks: the network drops, then the kernel refuses");
  recorder.fate = narrow({1272, 1372, 560});
  recorder.exchange(1s, 1300, 200ms);
  recorder.fate = nullptr;
  recorder.refuses = [](const Flight& flight) { return flight.bytes.size() > 1260; };
  recorder.exchange(1s, 1300, 200ms);
  recorder.run_for(2s);
  return recorder.finish();
}
Recording mtus_sealed() {
  return mixed_mtus(aes(3));
}
Recording mtus_clear() {
  return mixed_mtus(settings_of(handshake(false, false, false), {kPlain, kPlain, kPlain}));
}

Recording backups() {
  RecorderSettings settings = settings_of(handshake(true, true, true), {kPlain, kBackup, kMetered});
  Recorder recorder(settings);
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(500ms);
  recorder.note("the plain path fails, then the backup");
  recorder.fate = [](const Flight& flight) { return flight.path.value == 0 ? Fate{} : Fate{Duration{}}; };
  recorder.exchange(500ms);
  recorder.fate = [](const Flight& flight) { return flight.path.value < 2 ? Fate{} : Fate{Duration{}}; };
  recorder.exchange(1500ms, 100, 150ms);
  recorder.note("all are back");
  recorder.fate = nullptr;
  recorder.exchange(5500ms, 100, 1s);
  recorder.run_for(25s);
  return recorder.finish();
}

Recording two_of_three() {
  RecorderSettings settings = settings_of(handshake(false, true, false), {kPlain, kBackup, kBackup});
  settings.min_paths = 2;
  Recorder recorder(settings);
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(500ms);
  recorder.set_available(PathId{1}, false);
  recorder.exchange(500ms);
  recorder.set_available(PathId{1}, true);
  recorder.exchange(1s);
  return recorder.finish();
}

/// Keys that end by their age.
Recording rekey() {
  Recorder recorder(aes(2));
  recorder.start();
  for (int i = 0; i < 2; ++i) {
    recorder.application_sends(1, 200);
    recorder.run_for(100ms);
    recorder.target_sends(0, 200);
    recorder.run_for(90s);
  }
  recorder.note("the server's answers are lost until the key may not be used any more");
  recorder.fate = [](const Flight& flight) {
    return has_type(flight, PacketType::handshake2) ? Fate{} : Fate{Duration{}};
  };
  for (int i = 0; i < 2; ++i) {
    recorder.application_sends(1, 200);
    recorder.run_for(100s);
  }
  recorder.fate = nullptr;
  recorder.run_for(10s);
  recorder.exchange(100ms);
  return recorder.finish();
}

Recording restarts() {
  Recorder recorder(aes(2));
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(200ms);
  recorder.note("the client starts again");
  recorder.restart_client();
  recorder.target_sends(0, 80);
  recorder.run_for(100ms);
  recorder.exchange(500ms);
  recorder.note("the server starts again");
  recorder.restart_server();
  recorder.exchange(600ms);
  recorder.note("the server ends, and starts again");
  recorder.close_server();
  recorder.run_for(100ms);
  recorder.restart_server();
  recorder.exchange(500ms);
  recorder.run_for(15s);
  return recorder.finish();
}

/// Two processes that live have one identity.
Recording twins() {
  Recorder recorder(aes(1));
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(100ms);
  const std::size_t twin = recorder.add_client(7);
  recorder.start(twin);
  for (int i = 0; i < 24; ++i) {
    recorder.application_sends(1, 100);
    recorder.application_sends(1, 120, 1, 0, twin);
    recorder.target_sends(0, 90);
    recorder.run_for(100ms);
  }
  return recorder.finish();
}

/// No room for a second client, and for a second flow.
Recording full_tables() {
  RecorderSettings settings = aes(2);
  settings.limits.max_sessions = 1;
  settings.limits.max_flows = 1;
  settings.max_flows = 3;
  Recorder recorder(settings);
  recorder.start();
  recorder.run_for(100ms);
  const std::size_t other = recorder.add_client(8);
  recorder.start(other);
  recorder.application_sends(1, 50, 1, 0, other);
  for (std::uint16_t port = 1; port < 6; ++port) {
    recorder.application_sends(port, 100, 2);
    recorder.run_for(20ms);
    recorder.application_sends(port, 100);
    recorder.run_for(50ms);
  }
  recorder.run_for(12s);
  recorder.note("flows that were idle for 10 s give way");
  for (std::uint16_t port = 6; port < 9; ++port) {
    recorder.application_sends(port, 100);
    recorder.run_for(50ms);
  }
  return recorder.finish();
}

/// Flows end when they are idle, and their ids are used again.
Recording idle_flows() {
  Recorder recorder(aes(1));
  recorder.start();
  for (std::uint16_t port = 1; port < 4; ++port) recorder.application_sends(port, 100);
  for (int i = 0; i < 4; ++i) {
    recorder.run_for(105s);
    recorder.application_sends(1, 10);
  }
  recorder.application_sends(7, 100);
  recorder.run_for(1s);
  recorder.target_sends(3, 20);
  recorder.run_for(1s);
  return recorder.finish();
}

Recording refused_cipher() {
  RecorderSettings settings = aes(2);
  settings.server.encrypt = false;
  Recorder recorder(settings);
  recorder.start();
  recorder.application_sends(1, 100);
  recorder.run_for(12s);
  return recorder.finish();
}

/// The server's answers arrive, and nothing that the client says under the new keys.
Recording lost_hellos() {
  Recorder recorder(aes(1));
  recorder.fate = [](const Flight& flight) {
    return flight.to_server && has_type(flight, PacketType::control) ? Fate{} : Fate{Duration{}};
  };
  recorder.start();
  recorder.run_for(14s);
  recorder.fate = nullptr;
  recorder.run_for(6s);
  recorder.exchange(200ms);
  return recorder.finish();
}

Recording other_key() {
  RecorderSettings settings = aes(2);
  settings.server.key = key_of(6);
  Recorder recorder(settings);
  recorder.start();
  recorder.application_sends(1, 100);
  recorder.run_for(20s);
  return recorder.finish();
}

Recording moved_paths() {
  Recorder recorder(aes(2));
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(200ms);
  recorder.note("a NAT gives a path another port");
  recorder.rebind(PathId{1}, 5001);
  recorder.exchange(500ms);
  recorder.note("a packet is passed on from elsewhere, and the old address still answers");
  recorder.rebind(PathId{1}, 6001, true);
  recorder.exchange(500ms);
  recorder.rebind(PathId{1}, 5001, true);
  recorder.exchange(300ms);
  recorder.note("the client changes its port");
  recorder.readdress(PathId{0}, 5000);
  recorder.exchange(500ms);
  recorder.note("another path, and one that goes");
  recorder.add_path(PathId{2}, kPlain);
  recorder.set_available(PathId{2}, true);
  recorder.exchange(300ms);
  recorder.set_available(PathId{0}, false);
  recorder.exchange(1s, 100, 200ms);
  recorder.run_for(70s);
  return recorder.finish();
}

/// Copies, late packets and losses by a fixed pattern, and an outage of all paths.
Recording bad_network() {
  Recorder recorder(aes(2));
  std::size_t number = 0;
  const auto disturb = [&number](const Flight& /*flight*/) -> Fate {
    ++number;
    if (number % 7 == 0 || number % 11 == 0) return {};
    if (number % 5 == 0) return {Duration{}, 3ms};
    return {number % 3 == 0 ? Duration{45ms} : Duration{}};
  };
  recorder.fate = disturb;
  recorder.start();
  recorder.exchange(1500ms);
  recorder.note("nothing arrives");
  recorder.fate = [](const Flight& /*flight*/) { return Fate{}; };
  recorder.exchange(1500ms);
  recorder.run_for(8s);
  recorder.target_sends(0, 20);
  recorder.run_for(60s);
  recorder.target_sends(0, 20);
  recorder.application_sends(1, 30);
  recorder.note("it does again");
  recorder.fate = disturb;
  recorder.run_for(3s);
  recorder.exchange(500ms);
  recorder.note("the client is gone for good");
  recorder.set_available(PathId{0}, false);
  recorder.set_available(PathId{1}, false);
  recorder.run_for(6min);
  return recorder.finish();
}

/// The application sends packets of the tunnel itself.
Recording loop() {
  Recorder recorder(aes(2));
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(300ms);
  std::vector<std::vector<std::uint8_t>> pings;
  for (const Flight& flight : recorder.flights()) {
    if (flight.to_server && flight.path.value == 1 && has_type(flight, PacketType::control))
      pings.push_back(flight.bytes);
  }
  for (auto ping = pings.end() - 2; ping != pings.end(); ++ping) {
    ping->insert(ping->begin(), 28, 'h');
    recorder.application_sends(1, *ping);
  }
  recorder.exchange(300ms);
  return recorder.finish();
}

/// Strangers' packets cost no answer.
Recording hostile() {
  Recorder recorder(aes(2));
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(100ms);
  const std::vector<Flight> flights = recorder.flights();
  recorder.note("replays, each from elsewhere, and with a bit flipped");
  for (std::size_t i = 0; i < flights.size(); i += 3) {
    std::vector<std::uint8_t> packet = flights[i].bytes;
    recorder.inject_to_server(packet, 9999);
    recorder.inject_to_client(packet, PathId{1});
    packet[i % packet.size()] ^= 1U;
    recorder.inject_to_server(packet, 4000);
    recorder.inject_to_client(std::move(packet), PathId{0});
  }
  recorder.note("noise");
  for (std::size_t type = 0; type < 8; ++type) {
    for (const std::size_t size : {0U, 1U, 7U, 8U, 40U, 256U, 1300U}) {
      std::vector<std::uint8_t> packet(size, static_cast<std::uint8_t>(type));
      recorder.inject_to_server(packet, 9998);
      recorder.inject_to_client(std::move(packet), PathId{0});
    }
  }
  recorder.exchange(300ms);
  return recorder.finish();
}

struct Scenario {
  const char* name;
  Recording (*run)();
};
void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}
const std::vector<Scenario> kScenarios{
    {"aes_with_key", aes_with_key},
    {"chacha_without_key", chacha_without_key},
    {"clear_with_key", clear_with_key},
    {"clear_without_key", clear_without_key},
    {"mtus_sealed", mtus_sealed},
    {"mtus_clear", mtus_clear},
    {"backups", backups},
    {"two_of_three", two_of_three},
    {"rekey", rekey},
    {"restarts", restarts},
    {"twins", twins},
    {"full_tables", full_tables},
    {"idle_flows", idle_flows},
    {"refused_cipher", refused_cipher},
    {"lost_hellos", lost_hellos},
    {"other_key", other_key},
    {"moved_paths", moved_paths},
    {"bad_network", bad_network},
    {"loop", loop},
    {"hostile", hostile},
};

std::string file_of(const Scenario& scenario) {
  return std::string(MPTUNNEL_SOURCE_DIR "/tests/unit/engine/recorded_packets/") + scenario.name + ".txt";
}

Recording read_lines(const std::string& file) {
  std::ifstream in(file);
  Recording lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The first difference, with what was the same before it and what follows in both.
void expect_same(const Recording& recorded, const Recording& now) {
  if (recorded == now) return;
  std::size_t at = 0;
  while (at < recorded.size() && at < now.size() && recorded[at] == now[at]) ++at;
  const auto lines = [](const Recording& from, std::size_t first, std::size_t end, const char* mark) {
    std::string text;
    for (std::size_t i = first; i < std::min(end, from.size()); ++i) text += mark + from[i] + "\n";
    return text;
  };
  ADD_FAILURE() << "line " << at + 1 << " differs:\n"
                << lines(recorded, at < 4 ? 0 : at - 4, at, "  ") << lines(recorded, at, at + 3, "- ")
                << lines(now, at, at + 3, "+ ") << recorded.size() << " lines recorded, " << now.size()
                << " now";
}

class RecordedPackets : public testing::TestWithParam<Scenario> {};
INSTANTIATE_TEST_SUITE_P(All, RecordedPackets, testing::ValuesIn(kScenarios),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(RecordedPackets, AreTheSame) {
  const Recording made = GetParam().run();
  const std::string file = file_of(GetParam());
  if (std::getenv("MPTUNNEL_RECORD") != nullptr) {
    std::ofstream out(file);
    for (const std::string& line : made) out << line << '\n';
    ASSERT_TRUE(out.flush()) << file;
    return;
  }
  const Recording recorded = read_lines(file);
  ASSERT_FALSE(recorded.empty()) << file;
  expect_same(recorded, made);
}

}  // namespace
}  // namespace mptunnel
