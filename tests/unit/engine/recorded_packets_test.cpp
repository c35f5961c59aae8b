// Recorded packets of data and paths: datagrams of all sizes, fragments, backups, paths that move. See
// recording.h.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "recording.h"
#include "some_values.h"

namespace mptunnel {
namespace {

using test::aes;
using test::expect_recorded;
using test::Fate;
using test::Flight;
using test::handshake;
using test::has_type;
using test::kBackup;
using test::kPlain;
using test::Recorder;
using test::RecorderSettings;
using test::Recording;
using test::settings_of;

constexpr PathTraits kMeteredEach20Seconds{false, true, 20s};

/// A network that drops what is larger than its path carries.
auto through(const std::vector<std::size_t>& mtus) {
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

TEST(RecordedPackets, AesWithKey) {
  expect_recorded("aes_with_key", traffic(aes(3)));
}
TEST(RecordedPackets, ChaChaWithoutKey) {
  expect_recorded("chacha_without_key",
                  traffic(settings_of(handshake(false, true, false), {kPlain, kPlain})));
}
TEST(RecordedPackets, ClearWithKey) {
  expect_recorded("clear_with_key", traffic(settings_of(handshake(true, false, true), {kPlain, kPlain})));
}
TEST(RecordedPackets, ClearWithoutKey) {
  expect_recorded("clear_without_key", traffic(settings_of(handshake(false, false, false), {kPlain})));
}

/// Paths that carry less than others, each way, and less than before.
Recording mixed_mtus(const RecorderSettings& settings) {
  Recorder recorder(settings);
  recorder.fate = through({1472, 1372, 560});
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
  recorder.fate = through({1272, 1372, 560});
  recorder.exchange(1s, 1300, 200ms);
  recorder.fate = nullptr;
  recorder.refuses = [](const Flight& flight) { return flight.bytes.size() > 1260; };
  recorder.exchange(1s, 1300, 200ms);
  recorder.run_for(2s);
  return recorder.finish();
}
TEST(RecordedPackets, MixedMtusSealed) {
  expect_recorded("mtus_sealed", mixed_mtus(aes(3)));
}
TEST(RecordedPackets, MixedMtusClear) {
  expect_recorded("mtus_clear",
                  mixed_mtus(settings_of(handshake(false, false, false), {kPlain, kPlain, kPlain})));
}

TEST(RecordedPackets, SteadyFragmentsAndAPathThatGrows) {
  Recorder recorder(aes(1));
  recorder.fate = through({1252});
  recorder.start();
  recorder.run_for(1s);
  for (int i = 0; i < 4; ++i) {
    recorder.application_sends(1, 1300, 21);
    recorder.run_for(100ms);
    recorder.target_sends(0, 1300, 21);
    recorder.run_for(4900ms);
  }
  recorder.fate = nullptr;
  recorder.run_for(10min);
  recorder.application_sends(1, 1300);
  recorder.run_for(3s);
  expect_recorded("steady_fragments", recorder.finish());
}

TEST(RecordedPackets, BackupsAndMeteredPaths) {
  RecorderSettings settings =
      settings_of(handshake(true, true, true), {kPlain, kBackup, kMeteredEach20Seconds});
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
  expect_recorded("backups", recorder.finish());
}

TEST(RecordedPackets, TwoOfThreePaths) {
  RecorderSettings settings = settings_of(handshake(false, true, false), {kPlain, kBackup, kBackup});
  settings.min_paths = 2;
  Recorder recorder(settings);
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(300ms);
  recorder.set_available(PathId{1}, false);
  recorder.exchange(300ms);
  recorder.set_available(PathId{1}, true);
  recorder.exchange(600ms);
  expect_recorded("two_of_three", recorder.finish());
}

TEST(RecordedPackets, MovedPaths) {
  Recorder recorder(aes(2));
  recorder.start();
  recorder.run_for(100ms);
  recorder.exchange(200ms);
  recorder.note("a NAT gives a path another port");
  recorder.rebind(PathId{1}, 5001);
  recorder.exchange(300ms);
  recorder.note("a packet is passed on from elsewhere, and the old address still answers");
  recorder.rebind(PathId{1}, 6001, true);
  recorder.exchange(300ms);
  recorder.rebind(PathId{1}, 5001, true);
  recorder.exchange(300ms);
  recorder.note("the client changes its port");
  recorder.readdress(PathId{0}, 5000);
  recorder.exchange(300ms);
  recorder.note("another path, and one that goes");
  recorder.add_path(PathId{2}, kPlain);
  recorder.set_available(PathId{2}, true);
  recorder.exchange(300ms);
  recorder.set_available(PathId{0}, false);
  recorder.exchange(1s, 100, 200ms);
  recorder.run_for(70s);
  expect_recorded("moved_paths", recorder.finish());
}

// The application sends packets of the tunnel itself.
TEST(RecordedPackets, LoopedPath) {
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
  expect_recorded("loop", recorder.finish());
}

}  // namespace
}  // namespace mptunnel
