// CRI-O: crio.conf and the files below crio.conf.d, the last of which wins.
#pragma once

#include <string>
#include <vector>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

// The runtimes of CRI-O's merged configuration, and the one that it adds by itself. Throws Error (invalid_config).
Registrations crio_registrations(const std::string& root = {});

// The same, of a file and a folder of drop-ins.
Registrations crio_registrations(const std::string& config, const std::string& drop_ins);

// The files of both that are there, in the order in which they are read.
std::vector<std::string> crio_layers(const std::string& config, const std::string& drop_ins);

Plan crio_plan(const Wish& wish);

}  // namespace engines
