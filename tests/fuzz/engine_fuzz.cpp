// A byte string is what befalls a client, or two, and a server in the simulation's world: which packets
// arrive, when, how often and how altered, what is sent, when the clock moves, which end is started again.
// Nothing that the simulation's oracle knows of may break; and once all is repaired, traffic passes again.
#include "fuzz/schedule.h"
#include "fuzz/targets.h"

namespace mptunnel::fuzz {

void fuzz_engine(ConstBytes input) {
  Schedule(input).run();
}

}  // namespace mptunnel::fuzz
