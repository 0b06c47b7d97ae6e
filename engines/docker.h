// Docker: /etc/docker/daemon.json.
#pragma once

#include <string>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The runtimes in the text of a daemon.json, called `where`, and runc, which dockerd adds by itself. Throws Error
// (invalid_config) where dockerd would not start with it.
Registrations docker_registrations(const Text& text, const std::string& where);
// Those in the file that dockerd reads.
Registrations docker_registrations(const std::string& root = {});

// The file that dockerd reads: the --config-file of the one that runs here, or of its unit, or /etc/docker/daemon.json.
std::string docker_config(const std::string& root = {});

// daemon.json with the shim registered, edited where needed only.
Text docker_put(const Text& now, const std::string& where, const Wish& wish);
Text docker_take(const Text& now, const Text& original, const std::string& where, const std::string& shim);

Plan docker_plan(const Wish& wish);

}  // namespace engines
