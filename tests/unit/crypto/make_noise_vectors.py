#!/usr/bin/python3
"""Prints noise_vectors.h: whole handshakes of Noise_NN and Noise_NNpsk0, computed by dissononce, an implementation of Noise
that has nothing in common with ours (Debian's package python3-dissononce).

    /usr/bin/python3 make_noise_vectors.py > noise_vectors.h
"""

import hashlib

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.extras.dh.dangerous.dh_nogen import NoGenDH
from dissononce.hash.blake2s import Blake2sHash
from dissononce.processing.handshakepatterns.interactive.NN import NNHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier


def bytes_for(label, count):
    """Bytes that look random and are the same in each run."""
    return hashlib.shake_128(label.encode()).digest(count)


def handshake_state(ephemeral):
    symmetric = SymmetricState(CipherState(ChaChaPolyCipher()), Blake2sHash())
    return HandshakeState(symmetric, NoGenDH(X25519DH(), PrivateKey(ephemeral)))


def run(name, keyed, prologue_bytes, payload1_bytes, payload2_bytes):
    pattern = NNHandshakePattern()
    if keyed:
        pattern = PSKPatternModifier(0).modify(pattern)
    vector = {
        "name": name,
        "psk": bytes_for(name + " psk", 32) if keyed else b"",
        "prologue": bytes_for(name + " prologue", prologue_bytes),
        "initiator_ephemeral": bytes_for(name + " initiator", 32),
        "responder_ephemeral": bytes_for(name + " responder", 32),
        "payload1": bytes_for(name + " payload 1", payload1_bytes),
        "payload2": bytes_for(name + " payload 2", payload2_bytes),
    }
    initiator = handshake_state(vector["initiator_ephemeral"])
    responder = handshake_state(vector["responder_ephemeral"])
    for state, is_initiator in ((initiator, True), (responder, False)):
        psks = [vector["psk"]] if keyed else None
        state.initialize(pattern, is_initiator, vector["prologue"], psks=psks)

    message1, read1 = bytearray(), bytearray()
    initiator.write_message(vector["payload1"], message1)
    responder.read_message(bytes(message1), read1)
    message2, read2 = bytearray(), bytearray()
    sends, receives = responder.write_message(vector["payload2"], message2)
    own = initiator.read_message(bytes(message2), read2)
    assert read1 == vector["payload1"] and read2 == vector["payload2"]
    assert own[0]._key == sends._key and own[1]._key == receives._key

    vector["message1"] = bytes(message1)
    vector["message2"] = bytes(message2)
    vector["handshake_hash"] = initiator.symmetricstate.get_handshake_hash()
    vector["initiator_to_responder"] = own[0]._key
    vector["responder_to_initiator"] = own[1]._key
    return vector


def literal(value):
    if isinstance(value, str):
        return '"' + value + '"'
    digits = value.hex()
    lines = [digits[i:i + 96] for i in range(0, len(digits), 96)] or [""]
    return "\n     ".join('"' + line + '"' for line in lines)


FIELDS = ("name", "psk", "prologue", "initiator_ephemeral", "responder_ephemeral", "payload1", "payload2", "message1",
          "message2", "handshake_hash", "initiator_to_responder", "responder_to_initiator")

CASES = (
    ("NnWithoutPrologueAndPayloads", False, 0, 0, 0),
    ("NnWithPayloads", False, 48, 29, 34),
    ("NnWithLongPayloads", False, 48, 176, 130),
    ("NnPsk0WithoutPrologueAndPayloads", True, 0, 0, 0),
    ("NnPsk0WithPayloads", True, 48, 29, 34),
    ("NnPsk0WithLongPayloads", True, 48, 160, 130),
)


def main():
    print("// Whole Noise handshakes, as hexadecimal digits. Made by make_noise_vectors.py with dissononce")
    print("// (python3-dissononce), an implementation that is not ours. Do not edit.")
    print("#pragma once")
    print("// clang-format off")
    print("\n#include <array>\n#include <string_view>\n\nnamespace mptunnel::test {\n")
    print("struct NoiseVector {")
    for field in FIELDS:
        print("  std::string_view %s;%s" % (field, "  // empty: Noise_NN" if field == "psk" else ""))
    print("};\n")
    print("inline constexpr std::array<NoiseVector, %d> kNoiseVectors{{" % len(CASES))
    for case in CASES:
        vector = run(*case)
        print("    {%s}," % ",\n     ".join(literal(vector[field]) for field in FIELDS))
    print("}};\n\n}  // namespace mptunnel::test")


main()
