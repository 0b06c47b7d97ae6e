// Podman and Buildah: containers.conf and the files in its containers.conf.d folders.
#pragma once

#include <string>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The runtimes that root's Podman knows, those of its built-in list that are installed among them. Throws
// Error (invalid_config).
Registrations podman_registrations(const std::string& root = {});

Plan podman_plan(const Wish& wish);

}  // namespace engines
