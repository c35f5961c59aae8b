// What a socket's errno is called among the drop reasons.
#pragma once

#include "mptunnel/base/drop.h"

namespace mptunnel {

/// The reason for an errno of a send.
Drop drop_for(int error);

}  // namespace mptunnel
