// What a container exposes by what the kernel says about its init process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decision.h"
#include "host/engine.h"
#include "host/namespaces.h"
#include "host/process.h"
#include "oci/runtime_state.h"

namespace shim {

// By the namespaces it is in; `host_ipc` are the IPC namespaces that are the host's, as Kernel has them. Throws
// host::Error.
std::vector<config::Exposure> exposures_of_namespaces(const host::Process& init, const oci::RuntimeState& state,
                                                      const std::optional<std::string>& root,
                                                      const host::EngineFolders& engines, const host::Kernel& kernel,
                                                      const std::vector<host::NamespaceId>& host_ipc);

// By its mounts and by what it holds open. Throws host::Error.
std::vector<config::Exposure> exposures_of_files(const host::Process& init,
                                                 const std::vector<host::NamespaceId>& host_ipc);

}  // namespace shim
