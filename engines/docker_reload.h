// Making a running dockerd go by its file, without a restart.
#pragma once

#include <string>

#include "engines/plan.h"

namespace engines {

// Gives the plan what it needs to have the dockerds that read `where` take it up.
void follow_docker(Plan& plan, const std::string& where, const Wish& wish);

}  // namespace engines
