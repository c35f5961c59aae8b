// Everything that is derived from a secret, each with a purpose of its own, so that no two uses share bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/crypto/aead.h"
#include "mptunnel/crypto/noise.h"
#include "mptunnel/crypto/siphash.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

/// HKDF (RFC 5869) with HMAC-BLAKE2s: fills `out`, at most 255 * 32 bytes.
void hkdf(ConstBytes secret, ConstBytes salt, ConstBytes info, Bytes out);

/// What stands around the handshakes of a pre-shared key, or of none.
struct HandshakeKey {
  /// Tells a server with several keys which one is meant, at the cost of a look-up. Whoever sees two
  /// handshakes sees whether they were made with the same key. HKDF(key, salt = "mptunnel key name", info =
  /// none); all zero without a key.
  KeyName name{};
  /// For the mac. HKDF(key or 32 zero bytes, salt = "mptunnel handshake mac", info = none), 16 bytes.
  SipHashKey mac;
};
HandshakeKey derive_handshake_key(const SecretKey* key);
/// HANDSHAKE 1, 2 or COOKIE, which has no Noise message, with its mac.
std::vector<std::uint8_t> handshake_packet(const SipHashKey& key, const HandshakePrefix& prefix,
                                           ConstBytes noise_message);
/// Writes the last 8 bytes of a handshake packet.
void write_handshake_mac(const SipHashKey& key, Bytes packet);
/// The packet has at least kHandshakeAroundBytes.
bool verifies_handshake_mac(const SipHashKey& key, ConstBytes packet);

/// The identity of a client, the same after a restart: HKDF(secret, salt = "mptunnel client identity", info =
/// the parts, each with its 4-byte length before it). `secret` is the key or, without one, 32 random bytes
/// that the client keeps: who does not have it can't find the identity, whatever else is known of the client.
ClientIdentity derive_client_identity(const SecretKey& secret, std::string_view machine_id,
                                      std::string_view listen_address, std::string_view configuration_path);
/// The same from a word that the user chose (`client-id WORD`): salt = "mptunnel client id", info = the word,
/// with its 4-byte length before it.
ClientIdentity derive_client_identity(const SecretKey& secret, std::string_view word);

/// By which two people find out whether they have the same key, without telling it: "1f2e-3d4c-5b6a-7988", 64
/// bits of HKDF(key, salt = "mptunnel fingerprint", info = none).
std::string key_fingerprint(const SecretKey& key);

/// 64 bits that identify an application's address: HKDF(identity, salt = "mptunnel flow", info = family (1
/// byte: 4 or 6), address (16, IPv4 in the first 4), scope (4), port (2)).
std::uint64_t derive_flow_hash(const ClientIdentity& identity, const Endpoint& application);

/// A source port to try first, the same after a restart: in [10240, 32768), below Linux's range of ephemeral
/// ports (net.ipv4.ip_local_port_range). 10240 + HKDF(secret, salt = "mptunnel port", info = purpose), 4
/// bytes, modulo 22528.
std::uint16_t derive_port(ConstBytes secret, std::string_view purpose);

enum class Role : std::uint8_t { client, server };

/// A key per direction and packet type: HKDF(Noise split output of the direction, salt = none, info =
/// "mptunnel traffic" | version 1 | cipher 1 | direction 1 (0: client to server, 1: back) | purpose 1 (0:
/// DATA, 1: CONTROL, 2: clear check)).
struct TrafficKeys {
  /// Absent if `cipher` is none: DATA then carries a clear check under the clear keys.
  std::optional<Aead> data_seal;
  std::optional<Aead> data_open;
  Aead control_seal;  ///< ChaCha20-Poly1305 if `cipher` is none, else `cipher`
  Aead control_open;
  SipHashKey clear_send;
  SipHashKey clear_receive;
  Cipher cipher = Cipher::none;
};

TrafficKeys derive_traffic_keys(const NoiseSplit& split, std::uint8_t version, Cipher cipher, Role role);

}  // namespace mptunnel
