// What a container would expose by what its config.json declares, resolved against the kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decision.h"
#include "host/engine.h"
#include "host/namespaces.h"
#include "oci/bundle.h"

namespace shim {

// By its namespaces. `root` is the runtime's --root, where the state of a pod's sandbox is looked up. Throws
// host::Error.
std::vector<config::Exposure> exposures_of_namespaces(const oci::Bundle& bundle, const std::string& folder,
                                                      const std::optional<std::string>& root, host::Engine engine,
                                                      const host::Kernel& kernel);

// By what its mounts and its root file system bring in. `folder` is the bundle's, without links. `thorough` looks below
// a root file system that is an overlay too, which costs reading all mounts: the start gate sees that anyway, where
// there is one. Throws host::Error.
std::vector<config::Exposure> exposures_of_mounts(const oci::Bundle& bundle, const std::string& folder, bool thorough,
                                                  const host::Kernel& kernel);

// By the descriptors that it inherits from us: 0, 1, 2 and the `more` after them. Throws host::Error.
std::vector<config::Exposure> exposures_of_descriptors(int more, const host::Kernel& kernel);

// By the checkpoint in `image` that it is restored from. Throws host::Error.
std::vector<config::Exposure> exposures_of_checkpoint(const oci::Bundle& bundle, const std::string& folder,
                                                      const std::string& image);

}  // namespace shim
