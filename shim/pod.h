// Members of a pod share one IPC namespace: private to the pod, and no exposure.
#pragma once

#include <optional>
#include <string>

#include "host/engine.h"
#include "host/namespaces.h"
#include "oci/bundle.h"

namespace shim {

// A container that joins an IPC namespace by path.
struct Joining {
  const oci::Annotations& annotations;  // its own
  std::string bundle;                   // without links
  std::string path;                     // of the namespace, as declared
  std::string cgroup;                   // as declared, or as the kernel has it
  std::optional<std::string> root;      // the runtime's --root
  host::Engine engine = host::Engine::unknown;
};

// Whether `joined`, which that path is, is the IPC namespace of the container's own pod. What the container says of its
// pod proves nothing; what only root can write, or the kernel, has to agree:
// - containerd: the runtime's state of the sandbox that the annotations name, which was created as one and whose init
//   still runs in `joined`.
// - CRI-O, which pins the pod's namespaces and mostly runs no sandbox: the sandbox's config.json beside the member's,
//   for the same pod, which names the same namespace.
// - Podman: the cgroup of the process in the path, which is a container's of the same pod, by rights its infra
//   container, and the runtime's state of that container.
bool joins_own_pod(const Joining& member, const host::NamespaceId& joined, const host::Kernel& kernel);

}  // namespace shim
