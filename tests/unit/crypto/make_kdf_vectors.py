#!/usr/bin/python3
"""Prints kdf_vectors.h: known answers of HMAC-BLAKE2s, HKDF and everything that is derived with it, computed with Python's
hmac and hashlib, whose BLAKE2s is the reference code of its authors and not OpenSSL's. The derivations follow what
docs/protocol.md and kdf.h say, not our sources.

    /usr/bin/python3 make_kdf_vectors.py > kdf_vectors.h
"""

import hashlib
import hmac
import struct


def hmac_blake2s(key, data):
    return hmac.new(key, data, hashlib.blake2s).digest()


def hkdf(secret, salt, info, count):
    """RFC 5869."""
    key, block, out = hmac_blake2s(salt, secret), b"", b""
    counter = 1
    while len(out) < count:
        block = hmac_blake2s(key, block + info + bytes([counter]))
        out += block
        counter += 1
    return out[:count]


def with_lengths(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def literal(value):
    digits = value.hex() if isinstance(value, bytes) else value
    lines = [digits[i:i + 96] for i in range(0, len(digits), 96)] or [""]
    return "\n     ".join('"' + line + '"' for line in lines)


def table(kind, name, fields, rows):
    print("struct %s {" % kind)
    for field in fields:
        print("  std::string_view %s;" % field)
    print("};")
    print("inline constexpr std::array<%s, %d> %s{{" % (kind, len(rows), name))
    for row in rows:
        print("    {%s}," % ",\n     ".join(literal(value) for value in row))
    print("}};\n")


def constant(name, value):
    print("inline constexpr std::string_view %s =\n    %s;" % (name, literal(value)))


KEY = bytes(range(32))
IDENTITY = bytes(range(0xa0, 0xb0))


def print_hkdf():
    counting = lambda first, count: bytes((first + i) % 256 for i in range(count))
    cases = (
        # The inputs of RFC 5869, appendix A, cases 1 to 3.
        ("Basic", b"\x0b" * 22, counting(0, 13), counting(0xf0, 10), 42),
        ("LongerInputsAndOutput", counting(0, 80), counting(0x60, 80), counting(0xb0, 80), 82),
        ("NoSaltNoInfo", b"\x0b" * 22, b"", b"", 42),
        ("OneByte", b"s", b"t", b"i", 1),
        ("WholeBlocks", b"secret", b"salt", b"info", 64),
    )
    table("HkdfVector", "kHkdfVectors", ("name", "secret", "salt", "info", "out"),
          [(name, secret, salt, info, hkdf(secret, salt, info, count)) for name, secret, salt, info, count in cases])
    longest = hkdf(b"secret", b"salt", b"info", 255 * 32)
    print("/// BLAKE2s of the longest output, 255 * 32 bytes, of secret \"secret\", salt \"salt\", info \"info\".")
    constant("kLongestHkdfHash", hashlib.blake2s(longest).digest())


def print_derived():
    print("\n// The key is 00 01 ... 1f, the identity a0 a1 ... af.")
    constant("kKeyName", hkdf(KEY, b"mptunnel key name", b"", 8))
    constant("kKeyedMacKey", hkdf(KEY, b"mptunnel handshake mac", b"", 16))
    constant("kKeylessMacKey", hkdf(bytes(32), b"mptunnel handshake mac", b"", 16))
    parts = with_lengths(b"0123456789abcdef", b"localhost:3000", b"/etc/mptunnel/mpclient.conf")
    constant("kKeyedIdentity", hkdf(KEY, b"mptunnel client identity", parts, 16))
    constant("kOtherIdentity", hkdf(bytes(range(32, 64)), b"mptunnel client identity", parts, 16))
    fingerprint = hkdf(KEY, b"mptunnel fingerprint", b"", 8).hex()
    constant("kFingerprint", "-".join(fingerprint[i:i + 4] for i in range(0, 16, 4)))
    constant("kWordIdentity", hkdf(KEY, b"mptunnel client id", with_lengths(b"garage"), 16))
    ipv4 = bytes([4]) + bytes([192, 0, 2, 7]) + bytes(12) + struct.pack(">IH", 0, 40000)
    ipv6 = bytes([6]) + bytes.fromhex("fe80000000000000000000000000abcd") + struct.pack(">IH", 3, 40000)
    constant("kIpv4FlowHash", hkdf(IDENTITY, b"mptunnel flow", ipv4, 8))
    constant("kIpv6FlowHash", hkdf(IDENTITY, b"mptunnel flow", ipv6, 8))
    number = struct.unpack(">I", hkdf(IDENTITY, b"mptunnel port", b"bridge 192.0.2.1:4000", 4))[0]
    print("inline constexpr std::uint16_t kPort = %d;" % (10240 + number % (32768 - 10240)))


def print_traffic():
    print("\n// Traffic keys: initiator to responder is 32 times 11, responder to initiator 32 times 22. Version 1.")
    rows = []
    for name, cipher in (("None", 0), ("Aes256Gcm", 1), ("ChaCha20Poly1305", 2)):
        row = [name]
        for secret, direction in ((b"\x11" * 32, 0), (b"\x22" * 32, 1)):
            for purpose, count in ((0, 32), (1, 32), (2, 16)):
                info = b"mptunnel traffic" + bytes([1, cipher, direction, purpose])
                row.append(hkdf(secret, b"", info, count))
        rows.append(row)
    table("TrafficVector", "kTrafficVectors",
          ("name", "data_to_server", "control_to_server", "clear_to_server", "data_to_client", "control_to_client",
           "clear_to_client"), rows)


def main():
    print("// Known answers, as hexadecimal digits. Made by make_kdf_vectors.py with Python's hmac and hashlib, an")
    print("// implementation that is not ours. Do not edit.")
    print("#pragma once")
    print("// clang-format off")
    print("\n#include <array>\n#include <cstdint>\n#include <string_view>\n\nnamespace mptunnel::test {\n")
    print_hkdf()
    print_derived()
    print_traffic()
    print("}  // namespace mptunnel::test")


main()
