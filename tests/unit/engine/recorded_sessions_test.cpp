// Recorded packets of handshakes and sessions: new keys, restarts, refusals, limits, bad networks. See
// recording.h.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "recording.h"

namespace mptunnel {
namespace {

using test::aes;
using test::expect_recorded;
using test::Fate;
using test::Flight;
using test::has_type;
using test::key_of;
using test::Recorder;
using test::RecorderSettings;

// Keys that end by their age.
TEST(RecordedPackets, NewKeys) {
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
  expect_recorded("rekey", recorder.finish());
}

// More waits for a session than the queues hold, at the client and then, while the restarted client has not
// opened its flow, at the server.
TEST(RecordedPackets, FullQueues) {
  Recorder recorder(aes(1));
  recorder.start();
  recorder.application_sends(1, 8, kQueueDatagrams + 3);
  recorder.run_for(100ms);
  recorder.restart_client();
  recorder.run_for(50ms);
  recorder.target_sends(0, 8, kQueueDatagrams + 5);
  recorder.run_for(50ms);
  recorder.application_sends(1, 8);
  recorder.run_for(700ms);
  recorder.note("what waits for too long expires");
  recorder.restart_client();
  recorder.application_sends(1, 8, 2);
  recorder.fate = [](const Flight& /*flight*/) { return Fate{}; };
  recorder.run_for(700ms);
  expect_recorded("full_queues", recorder.finish());
}

TEST(RecordedPackets, RestartsOfEitherEnd) {
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
  expect_recorded("restarts", recorder.finish());
}

// Two processes that live have one identity.
TEST(RecordedPackets, TwoProcessesOfOneIdentity) {
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
  expect_recorded("twins", recorder.finish());
}

// No room for a second client, and for a second flow.
TEST(RecordedPackets, FullTables) {
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
  expect_recorded("full_tables", recorder.finish());
}

// Flows end when they are idle, and their ids are used again.
TEST(RecordedPackets, IdleFlows) {
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
  expect_recorded("idle_flows", recorder.finish());
}

TEST(RecordedPackets, RefusedCipher) {
  RecorderSettings settings = aes(2);
  settings.server.encrypt = false;
  Recorder recorder(settings);
  recorder.start();
  recorder.application_sends(1, 100);
  recorder.run_for(12s);
  expect_recorded("refused_cipher", recorder.finish());
}

// The server's answers arrive, and nothing that the client says under the new keys.
TEST(RecordedPackets, LostHellos) {
  Recorder recorder(aes(1));
  recorder.fate = [](const Flight& flight) {
    return flight.to_server && has_type(flight, PacketType::control) ? Fate{} : Fate{Duration{}};
  };
  recorder.start();
  recorder.run_for(14s);
  recorder.fate = nullptr;
  recorder.run_for(6s);
  recorder.exchange(200ms);
  expect_recorded("lost_hellos", recorder.finish());
}

TEST(RecordedPackets, OtherKey) {
  RecorderSettings settings = aes(2);
  settings.server.key = key_of(6);
  Recorder recorder(settings);
  recorder.start();
  recorder.application_sends(1, 100);
  recorder.run_for(20s);
  expect_recorded("other_key", recorder.finish());
}

// Copies, late packets and losses by a fixed pattern, and an outage of all paths.
TEST(RecordedPackets, BadNetwork) {
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
  recorder.exchange(1200ms);
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
  expect_recorded("bad_network", recorder.finish());
}

// Strangers' packets cost no answer.
TEST(RecordedPackets, StrangersPackets) {
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
  expect_recorded("hostile", recorder.finish());
}

}  // namespace
}  // namespace mptunnel
