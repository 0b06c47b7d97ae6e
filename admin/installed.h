// What the commands have in common that register the shim or copy it.
#pragma once

#include <string>

namespace admin {

// `path` or, where that is empty, the shim that was installed with this program. Throws host::Error (invalid_config)
// if it `must_exist` and no shim is there.
std::string shim_or_installed(const std::string& path, bool must_exist);

// Throws host::Error (unverifiable) for anybody else.
void require_root();

}  // namespace admin
