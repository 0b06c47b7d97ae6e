// Who the container is, for exceptions and records.
#pragma once

#include <string>

#include "config/container.h"
#include "host/engine.h"

namespace shim {

// The container `id` whose bundle is at `bundle`, an absolute path without links. What is known comes from places that
// only root writes: the bundle's path, and the record that the engine found by it keeps.
config::Container identify(const std::string& bundle, const std::string& id, const host::EngineFolders& folders);

}  // namespace shim
