// Somebody who knows all secrets: derives the keys of every handshake by itself and reads every packet that
// either end seals. It changes nothing; the oracle and the trace live on what it reads.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mptunnel/base/random.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/wire/handshake.h"
#include "sim/packet.h"
#include "support/test_random.h"

namespace mptunnel::sim {

/// An engine's random source that remembers the secrets it gave away.
class RecordingRandom final : public RandomSource {
 public:
  explicit RecordingRandom(std::uint64_t seed) : inner_(seed) {}

  void fill(Bytes out) override;
  /// The last 32-byte secret whose public key (X25519) this is.
  [[nodiscard]] std::optional<SecretKey> private_key_of(ConstBytes public_key) const;

 private:
  test::TestRandom inner_;
  std::deque<SecretKey> secrets_;
};

class Observer {
 public:
  /// The end that sends.
  struct Sender {
    Side side{};
    ProcessNumber process = 0;
  };

  /// A client made this HANDSHAKE 1. `key` is what it is set to. False if it can't be read.
  bool on_handshake1(ProcessNumber client, const ClientIdentity& identity, ConstBytes message,
                     const RecordingRandom& random, const std::optional<SecretKey>& key);
  /// A server made this HANDSHAKE 2. Returns the new epoch, if it is one; false if it can't be read.
  std::pair<bool, std::shared_ptr<Epoch>> on_handshake2(ProcessNumber server, ConstBytes message,
                                                        TimePoint now);
  /// Reads a DATA or CONTROL packet: fills in number, epoch, plaintext and frames. The error says what is
  /// wrong with it.
  std::optional<std::string> read(Packet& packet);

  /// DATA numbers that were used up and never seen.
  [[nodiscard]] std::size_t left_out() const;
  [[nodiscard]] const std::vector<std::shared_ptr<Epoch>>& epochs() const { return epochs_; }

 private:
  struct Attempt {
    ProcessNumber client = 0;
    ClientIdentity identity{};
    HandshakePrefix prefix;
    std::vector<std::uint8_t> message;
    SecretKey secret;
    std::optional<SecretKey> key;
  };

  static bool open(Packet& packet, Epoch& epoch);

  std::map<HandshakeSalt, Attempt> attempts_;
  std::set<std::string> answers_;
  std::vector<std::shared_ptr<Epoch>> epochs_;
  /// By sender and the receiver's index, oldest first: a replayed HANDSHAKE 1 gives an index a second key.
  std::map<std::pair<ProcessNumber, SessionIndex>, std::vector<std::shared_ptr<Epoch>>> by_sender_;
};

/// The frames of a packet in a few words.
std::string describe(const Packet& packet);

}  // namespace mptunnel::sim
