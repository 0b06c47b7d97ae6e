// containerd, as the CRI's runtime (Kubernetes): /etc/containerd/config.toml and what it imports.
//
// containerd 1.x replaces the whole section of a plugin by that of a file it imports later; there the runtime goes to
// the file that has the last word. 2.x merges them; there it goes to a file of its own. What a configuration comes to,
// containerd is asked itself.
#pragma once

#include <string>

#include "engines/containerd_text.h"
#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The file that containerd reads: the --config of the one that runs here (not dockerd's own), or
// /etc/containerd/config.toml.
std::string containerd_config(const std::string& root = {});

// The file `path` and those that it imports, as they are, or as they would be after `changes`. The first may be missing
// and has an empty text then; what it imports may not. Throws Error (invalid_config).
ContainerdFiles containerd_files(const std::string& path, const std::string& root = {}, const Changes& changes = {});

// The runtimes that containerd's CRI offers by its configuration; none if it has no CRI, or is not installed. Throws
// Error (invalid_config) where containerd would not start with it.
Registrations containerd_registrations(const std::string& root = {});

// Throws Error (invalid_config) where the configuration is one that a distribution (k3s, RKE2, MicroK8s, k0s) writes
// anew at each start, with what to change in its template.
Plan containerd_plan(const Wish& wish);

}  // namespace engines
