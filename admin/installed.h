// Where the shim is that commands register or copy.
#pragma once

#include <string>

namespace admin {

// `path` or, where that is empty, the shim that was installed with this program. Throws host::Error (invalid_config)
// if it `must_exist` and no program is there.
std::string shim_or_installed(const std::string& path, bool must_exist);

}  // namespace admin
