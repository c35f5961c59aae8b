// Wears a key out without 2^26 packets: for tests of what happens at the limits of its use.
#pragma once

#include <algorithm>

#include "mptunnel/session/key_epoch.h"

namespace mptunnel::test {

/// The friend of KeyEpoch that may change how much it was used.
struct KeyWear {
  static void seal(KeyEpoch& keys, std::uint32_t packets, std::uint64_t blocks) {
    keys.data_send_.packets = std::max(keys.data_send_.packets, packets);
    keys.data_send_.blocks = std::max(keys.data_send_.blocks, blocks);
  }
  static void seal_control(KeyEpoch& keys, std::uint32_t packets) {
    keys.control_send_.packets = std::max(keys.control_send_.packets, packets);
  }
};

/// As if this many DATA packets and blocks had been sealed already.
inline void wear_out(KeyEpoch& keys, std::uint32_t packets, std::uint64_t blocks) {
  KeyWear::seal(keys, packets, blocks);
}
/// As if this many CONTROL packets had been sealed already.
inline void wear_out_control(KeyEpoch& keys, std::uint32_t packets) {
  KeyWear::seal_control(keys, packets);
}

}  // namespace mptunnel::test
