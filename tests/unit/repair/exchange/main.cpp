// The encoder and the decoder of the repair code as a program, for the implementation in Python beside it.
//
//     repair_exchange encode SEED    writes a stream: lines `S NUMBER HEX` and `R FIRST COUNT SEED HEX`
//     repair_exchange decode         reads such lines, in any order and with gaps; writes `S NUMBER HEX` for
//                                    each symbol that it recovers
//
// An empty symbol is `-`.

#include <fmt/core.h>

#include <iostream>
#include <random>
#include <sstream>
#include <string>

#include "mptunnel/repair/repair_decoder.h"
#include "mptunnel/repair/repair_encoder.h"
#include "unit/repair/repair_support.h"

namespace mptunnel::test {
namespace {

std::string hex_of(ConstBytes bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text.empty() ? "-" : text;
}

ByteRow bytes_of_hex(const std::string& text) {
  ByteRow bytes;
  for (std::size_t i = 0; text != "-" && i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

void encode(std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  RepairEncoder encoder;
  // Beyond 32 bits, too.
  const std::uint64_t first = seed % 2 == 0 ? 0 : engine() >> 2U;
  for (std::uint64_t number = first; number < first + 60; ++number) {
    const ByteRow symbol = some_bytes(number % 20 == 0 ? 300 : engine() % 40, engine());
    encoder.add(number, symbol, kRepairStart);
    fmt::print("S {} {}\n", number, hex_of(symbol));
    if (engine() % 3 != 0) continue;
    const auto window = encoder.newest(1 + engine() % 20, kRepairStart);
    const auto repair =
        make_repair(encoder, window.first, window.count, static_cast<std::uint16_t>(engine()));
    fmt::print("R {} {} {} {}\n", repair.first, repair.count, repair.seed, hex_of(repair.coded));
  }
}

void decode() {
  RepairDecoder decoder;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string kind;
    std::uint64_t number = 0;
    std::size_t count = 0;
    std::uint16_t seed = 0;
    std::string hex;
    words >> kind >> number;
    if (kind == "R") words >> count >> seed;
    words >> hex;
    const ByteRow bytes = bytes_of_hex(hex);
    if (kind == "R") {
      decoder.on_repair({number, count, seed, bytes}, kRepairStart);
    } else {
      decoder.on_source(number, bytes, kRepairStart);
    }
    for (const auto& symbol : decoder.recovered())
      fmt::print("S {} {}\n", symbol.number, hex_of(symbol.bytes));
  }
}

}  // namespace
}  // namespace mptunnel::test

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "encode" && argc == 3) {
    mptunnel::test::encode(std::stoull(argv[2]));
  } else if (mode == "decode") {
    mptunnel::test::decode();
  } else {
    return 2;
  }
  return 0;
}
