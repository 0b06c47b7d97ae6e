// Members of a pod share their sandbox's IPC namespace: private to the pod, and no exposure.
#pragma once

#include <optional>
#include <string>

#include "host/engine.h"
#include "host/namespaces.h"
#include "oci/bundle.h"

namespace shim {

// Whether `joined` is the IPC namespace of the sandbox of the container's own pod. The container's annotations name the
// sandbox, which proves nothing; the runtime's state below `root` has to agree: there the sandbox was created as a
// sandbox, its init still runs, and that process is in `joined`. Only engines whose pods are marked in this way are
// believed: under Docker and Podman users write annotations as they like.
bool joins_own_sandbox(const oci::Annotations& annotations, const host::NamespaceId& joined,
                       const std::optional<std::string>& root, host::Engine engine, const host::Kernel& kernel);

}  // namespace shim
