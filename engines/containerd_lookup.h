// How a containerd finds the programs that its configuration names without a path.
#pragma once

#include <string>

#include "engines/registration.h"

namespace engines {

struct ContainerdLookup {
  std::string first;  // the folder that comes before its PATH (plugins/opt); empty: none
  std::string path;   // the PATH that it gives its shims; empty: its own
};

// By a dump of its configuration (containerd_dump). Throws host::Error (invalid_config).
ContainerdLookup containerd_lookup(const std::string& dump);

// What 1.x has besides the CRI's runtimes: that of its first kind of shims, which clients may ask for by type.
Registrations containerd_old_runtimes(const std::string& dump);

}  // namespace engines
