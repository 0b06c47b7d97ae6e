// Which link of the shim to register, so that the runtime that an engine ran before still is what runs behind it.
#pragma once

#include <string>

#include "engines/plan.h"
#include "engines/registration.h"

namespace engines {

struct Behind {
  std::string shim;  // the shim itself, or its link "ipcguard-runtime.NAME" where the settings have a runtime NAME
  std::string note;  // for the operator, where another runtime will run than before; else empty
};

// `before` is what `engine` runs when nobody says otherwise: a path, or a name that it looks up on its PATH. Throws
// Error (invalid_policy) if the settings cannot be read.
Behind behind(const std::string& engine, const std::string& before, const Wish& wish);

// Whether a runtime at `path` is the shim or one of its links, there or wherever it was installed before.
bool is_shim(const std::string& path, const std::string& shim);

// Notes of the registrations that still lead to the shim, in files that are not ours to edit.
Notes still_there(const Registrations& registrations, const std::string& shim);

}  // namespace engines
