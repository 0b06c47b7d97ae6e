// Podman and Buildah: containers.conf and the files in containers.conf.d, each of which overrides those before it.
#pragma once

#include <string>
#include <vector>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The runtimes that root's Podman knows and that are installed, those built in among them. Throws Error
// (invalid_config).
Registrations podman_registrations(const std::string& root = {});

// The same, where these files are read, each of which overrides those before it; what is not there is passed over.
Registrations podman_registrations(const std::vector<std::string>& files);

// A drop-in of its own, containers.conf.d/zz-ipcguard.conf.
Plan podman_plan(const Wish& wish);

}  // namespace engines
