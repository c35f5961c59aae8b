#include "mptunnel/base/drop.h"

namespace mptunnel {
namespace {

#define MPT_DROP_NAME(name) #name,
constexpr std::array<const char*, kDropReasons> kReasonNames{MPT_DROP_REASONS(MPT_DROP_NAME)};
#undef MPT_DROP_NAME

}  // namespace

const char* name_of(Drop reason) {
  return kReasonNames.at(static_cast<std::size_t>(reason));
}

}  // namespace mptunnel
