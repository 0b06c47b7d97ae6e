// Becoming the runtime.
#pragma once

#include <string>
#include <vector>

#include "shim/policy.h"

namespace shim {

// The path of runtime `name` in the settings; empty if they have none. Where they are broken, what could be read of
// them counts, and the built-in path otherwise.
std::string named_runtime(const Policy& policy, const std::string& name);

// The same, if it can be run. Throws host::Error (invalid_policy) if there is none, or it is this program itself.
std::string find_runtime(const Policy& policy, const std::string& name);

// Replaces this process by the runtime at `path`, with the arguments of `argv` after its first, and nothing else
// changed. Throws host::Error (invalid_policy) if that fails.
[[noreturn]] void become_runtime(const std::string& path, const std::vector<std::string>& argv);

}  // namespace shim
