// The CRI-O that runs here.
#pragma once

#include <string>

#include "engines/plan.h"

namespace engines {

// What it reads: the --config and --config-dir of the one that runs, or their defaults.
struct CrioFiles {
  std::string config, drop_ins;
};
CrioFiles crio_files(const std::string& root);

// Gives the plan what it needs to have a running CRI-O take it up.
void follow_crio(Plan& plan, const Wish& wish);

}  // namespace engines
