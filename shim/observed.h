// What a container exposes by what the kernel says about its init process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decision.h"
#include "host/engine.h"
#include "host/mounts.h"
#include "host/namespaces.h"
#include "host/process.h"
#include "oci/runtime_state.h"

namespace shim {

// What it is compared with.
struct Host {
  std::vector<host::NamespaceId> ipc;  // as Kernel has them
  std::vector<host::Mount> mounts;
  host::SharedFileSystems shared;
};
// Throws host::Error.
Host look_at_host(const host::Kernel& kernel);

// By the namespaces it is in. Throws host::Error.
std::vector<config::Exposure> exposures_of_namespaces(const host::Process& init, const oci::RuntimeState& state,
                                                      const std::optional<std::string>& root,
                                                      const host::EngineFolders& engines, const host::Kernel& kernel,
                                                      const Host& host);

// By its mounts, which have to be its own, and by what it holds open. Throws host::Error.
std::vector<config::Exposure> exposures_of_files(const host::Process& init, const Host& host);

}  // namespace shim
