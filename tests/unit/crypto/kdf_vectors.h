// Known answers, as hexadecimal digits. Made by make_kdf_vectors.py with Python's hmac and hashlib, an
// implementation that is not ours. Do not edit.
#pragma once
// clang-format off

#include <array>
#include <cstdint>
#include <string_view>

namespace mptunnel::test {

struct HkdfVector {
  std::string_view name;
  std::string_view secret;
  std::string_view salt;
  std::string_view info;
  std::string_view out;
};
inline constexpr std::array<HkdfVector, 5> kHkdfVectors{{
    {"Basic",
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9",
     "1472c31f2ff768c71b19f8803683ee3b13c1a5fb3ea59c0c3bf0d44a4a40dcd4329d9cd85bbe35a1b3e7"},
    {"LongerInputsAndOutput",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
     "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
     "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
     "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "9a4d17a2953c7331fecfb23ff13578c4758b4f5ebaac2dae59dd0d2c8457e2f0075434cf17d98cadf4fcfdcd6d818a3f"
     "4f99679d3265bd9da9955b901661a974b146aa7e89fbdcc114e6de28b28b38b87c51"},
    {"NoSaltNoInfo",
     "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
     "",
     "",
     "064c0f0b9d9148a2e5ac797e5ef23d1b39b422f1ec37b57b45065ff2b607527143b9b9f8ba59db392663"},
    {"OneByte",
     "73",
     "74",
     "69",
     "fc"},
    {"WholeBlocks",
     "736563726574",
     "73616c74",
     "696e666f",
     "77b37c1209bf49bac17cae009851551a95f635c35e9509843c93f6d6ac0448ae1470a6878a4198e3c38ce7438aab69e8"
     "6d827eb0a5303558f864c44861f4597a"},
}};

/// BLAKE2s of the longest output, 255 * 32 bytes, of secret "secret", salt "salt", info "info".
inline constexpr std::string_view kLongestHkdfHash =
    "660f0229a5d9af1c4bc358eed4f431f94f32302fe0d729e49222420e3b6f99f1";

// The key is 00 01 ... 1f, the identity a0 a1 ... af.
inline constexpr std::string_view kKeyName =
    "b4951c525dc9f332";
inline constexpr std::string_view kKeyedMacKey =
    "e0244940356e3a646f312866fc42b520";
inline constexpr std::string_view kKeylessMacKey =
    "26a3e89cf36d1bb055f4ffe4946111d2";
inline constexpr std::string_view kKeyedIdentity =
    "524060d9053ddbb11a743812886bfc4b";
inline constexpr std::string_view kOtherIdentity =
    "e0066cbbdffac928d425653310edb8be";
inline constexpr std::string_view kFingerprint =
    "664d-d842-0d1d-dcf2";
inline constexpr std::string_view kWordIdentity =
    "a0110f93d7b55c0e2fdc8db489b7d86d";
inline constexpr std::string_view kIpv4FlowHash =
    "042ebcc0eee9219d";
inline constexpr std::string_view kIpv6FlowHash =
    "d6111d50a02ca738";
inline constexpr std::uint16_t kPort = 13775;

// Traffic keys: initiator to responder is 32 times 11, responder to initiator 32 times 22. Version 1.
struct TrafficVector {
  std::string_view name;
  std::string_view data_to_server;
  std::string_view control_to_server;
  std::string_view clear_to_server;
  std::string_view data_to_client;
  std::string_view control_to_client;
  std::string_view clear_to_client;
};
inline constexpr std::array<TrafficVector, 3> kTrafficVectors{{
    {"None",
     "20626ea1bf2a1ee300a4cc7c8a60374b16f2e4062542e2abb0957e5c3195a43e",
     "6403ac660cd744be6e083743b89cfbff678c370b60ede71f8a86bfe40027a130",
     "df17398bf4a150fb6ab15c724422112f",
     "5ee400dca2b2813e3aa1bde22be3140b6c1f46a7021dabd85252a18ab6f517c4",
     "c869f5526b48c69a0662e02a71b823d8e941d192f938eee698e776a58127d218",
     "db8e6dea8f623a8804d3852a731fa50a"},
    {"Aes256Gcm",
     "ad9615643d636b4db413e7be4f83152a509d69ba4d61ddf109c97443237fbf0c",
     "4f9f556bbaa591f8ecfbc41d270dd9256e684b994b2d9c1eb3e010a67f2e557e",
     "7e6b09029bc9390de256fa540e8bd347",
     "3ce3feaef915ea404a611d05951d408817c5e51b69f86e594ea37c7d38a665b9",
     "f3a7be56c2b9aa974e4dbd697b4e6b44e48593415f04b023240181229d47aa9a",
     "36a844990d1ab637721508331bee0279"},
    {"ChaCha20Poly1305",
     "2ba7e6e7accf219c725e21d563d8159dbcad3f2b886ac44cb9863fce25fe190d",
     "0a80e87a636cc512196f331f2c8962bf636eda921e4415f0f1cabd6fe2bc17c0",
     "31e09269262b0e9119d74fe071c08bc8",
     "0a0aa1479c62bdd68319c31c2c06d934b56d568f3a34c20e81bc12030729fd8f",
     "2bde15c9381bcec1704f8e064f8798963e853b8688121fd4378b24e07377fd19",
     "5b54a79368477055e43e33596f7fffa6"},
}};

}  // namespace mptunnel::test
