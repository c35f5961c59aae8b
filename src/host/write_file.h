// What the files that this layer writes share.
#pragma once

#include <string>
#include <string_view>

#include "mptunnel/base/file.h"

namespace mptunnel {

/// Whether all was done; if not, errno says why.
bool write_all(const File& file, std::string_view text);
/// Makes the folders above `path` that are missing, for this user alone. As write_all.
bool make_folders(const std::string& path);

}  // namespace mptunnel
