// What OCI runtimes are called.
#pragma once

#include <string_view>

namespace engines {

// Whether a program of that name is taken for an OCI runtime: "runc", "runc.real", "docker-runc", "crun-1.8",
// "nvidia-container-runtime"; not the shim, and no containerd shim.
bool sounds_like_runtime(std::string_view name);

}  // namespace engines
