// nvidia-container-runtime: a wrapper that becomes the first of a list of runtimes that it finds
// (nvidia-container-toolkit, internal/oci/runtime_low_level.go).
#pragma once

#include <string>
#include <vector>

namespace engines {

constexpr const char* nvidia_config = "/etc/nvidia-container-runtime/config.toml";

// Whether the program at `path`, by its name and its content, is it.
bool is_nvidia_runtime(const std::string& path);

// The runtimes that it tries, in this order. Throws host::Error (invalid_config) if its configuration cannot be read.
std::vector<std::string> nvidia_low_level(const std::string& config = nvidia_config);

}  // namespace engines
