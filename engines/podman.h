// Podman and Buildah: containers.conf and the files in containers.conf.d, each of which overrides those before it.
#pragma once

#include <string>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The runtimes that root's Podman knows and that are installed, those built in among them. Throws Error
// (invalid_config).
Registrations podman_registrations(const std::string& root = {});

// A drop-in of its own, containers.conf.d/zz-ipcguard.conf.
Plan podman_plan(const Wish& wish);

}  // namespace engines
