// CRI-O: crio.conf and the files below crio.conf.d, the last of which wins.
#pragma once

#include <string>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The runtimes of CRI-O's merged configuration, and the one that it adds by itself. Throws Error (invalid_config).
Registrations crio_registrations(const std::string& root = {});

Plan crio_plan(const Wish& wish);

}  // namespace engines
