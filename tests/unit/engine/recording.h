// Recordings of what both ends send and deliver in scripted scenarios: a change that only rebuilds the
// engines changes no byte on the wire, and no timer.
//
// A recording is recorded_packets/NAME.txt. A line is a virtual time in seconds, an end (c0 is client 0, s
// the server) and what it did:
//
//     sends 0,2 of 1 dscp 46 5x526+100 BYTES   a run of 5 packets, 526 bytes each and the last one 100: by
//                                              paths 0 and 2, of session 1 at the server, with this DSCP
//     delivers to port 1 2x500 1x60 BYTES      two datagrams of 500 bytes and one of 60
//     events 2                                 that many events
//
// BYTES are TYPE:NUMBER of the first packet, in hexadecimal, and a hash of all (BLAKE2s, the first 5 bytes),
// or up to 12 bytes as they are; of deliveries the hash alone. The last lines have the counts of drops. If
// the bytes are meant to change,
//
//     MPTUNNEL_RECORD=1 build/unit_engine --gtest_filter='RecordedPackets.*'
//
// writes the recordings anew; the difference then belongs into the commit.
#pragma once

#include <string>
#include <vector>

#include "recorder.h"
#include "some_values.h"

namespace mptunnel::test {

/// The lines of Recorder::finish().
using Recording = std::vector<std::string>;
/// What Recorder::fate answers.
using Fate = std::vector<Duration>;

/// The scenario gives what tests/unit/engine/recorded_packets/NAME.txt holds; the first difference is shown.
void expect_recorded(const std::string& name, const Recording& made);

inline SecretKey key_of(std::uint8_t fill) {
  SecretKey key;
  key.bytes.fill(fill);
  return key;
}

/// Ciphers are named, never chosen by what this processor has.
inline HandshakeSettings handshake(bool has_key, bool encrypt, bool aes) {
  HandshakeSettings settings;
  if (has_key) settings.key = key_of(5);
  settings.encrypt = encrypt;
  settings.fast_aes = aes;
  return settings;
}

inline RecorderSettings settings_of(const HandshakeSettings& both, const std::vector<PathTraits>& paths) {
  RecorderSettings settings;
  settings.client = settings.server = both;
  settings.paths = paths;
  return settings;
}
inline RecorderSettings aes(std::size_t paths) {
  return settings_of(handshake(true, true, true), std::vector<PathTraits>(paths));
}

inline bool has_type(const Flight& flight, PacketType type) {
  const auto header = decode_header(flight.bytes);
  return header && header->type == type;
}

}  // namespace mptunnel::test
