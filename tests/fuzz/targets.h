// The fuzz targets. Each takes any bytes and ends the process if something does not hold. libFuzzer makes the
// bytes (libfuzzer.cpp), or they are those of a corpus (corpora.cpp): then every build is a regression test.
//
// A new target: NAME_fuzz.cpp, its name here and in CMakeLists.txt, and a folder corpus/NAME.
#pragma once

#include "mptunnel/base/bytes.h"

// What each holds stands at the top of its source.
#define MPT_FUZZ_TARGETS(X) \
  X(config)                 \
  X(control)                \
  X(engine)                 \
  X(fragments)              \
  X(frame)                  \
  X(handshake)              \
  X(header)                 \
  X(holder)                 \
  X(ip)                     \
  X(key_file)               \
  X(received_set)           \
  X(repair)

namespace mptunnel::fuzz {

#define MPT_FUZZ_DECLARE(name) void fuzz_##name(ConstBytes input);
MPT_FUZZ_TARGETS(MPT_FUZZ_DECLARE)
#undef MPT_FUZZ_DECLARE

}  // namespace mptunnel::fuzz
