// Somebody who has the key and is hostile: as up to three clients of a server, or as the server of a client.
// Whatever they seal, no assertion fails, no table exceeds its limit, no address gets more than it has shown
// to want, and no deadline keeps the program spinning.
//
//     1 byte: which end is attacked | settings | steps
#include "fuzz/holder.h"
#include "fuzz/targets.h"

namespace mptunnel::fuzz {

void fuzz_holder(ConstBytes input) {
  Input bytes(input);
  if (bytes.u8() % 2 == 0) {
    attack_server(bytes);
  } else {
    attack_client(bytes);
  }
}

}  // namespace mptunnel::fuzz
