// What containerd says its configuration comes to: the output of `containerd config dump`, or of `migrate` in 2.x,
// whose dump leaves files of older versions as they are. Both are TOML with every key and its value.
#pragma once

#include <string>

#include "engines/registration.h"

namespace engines {

// The runtimes that the CRI offers; none where the CRI plugin is disabled. A runtime's path is that of the OCI runtime,
// "runc" where nothing is said; of one that is no runc, the name of its containerd shim. `where` is empty for all.
// Throws Error (invalid_config), as all here do.
Registrations containerd_runtimes(const std::string& dump);

// The version of the configuration that this containerd writes by itself.
int containerd_newest_version(const std::string& dump);

// Tables for a file of the configuration, under `plugin`: the runtime `from` as it is, under the name `name`, and with
// `binary` as its OCI runtime where that is not empty. Values that say nothing are left out. Throws where `from` is
// no runc: such a runtime calls no OCI runtime that could be the shim.
std::string containerd_runtime_tables(const std::string& dump, const std::string& from, const std::string& plugin,
                                      const std::string& name, const std::string& binary);

// Whether they come to the same, but for where it stands.
bool same_containerd_configuration(const std::string& dump, const std::string& other);

// Throws where `after` differs from `before` in more than the runtime `name`, a copy of the default one of `before`
// that runs `binary`, and, if it is to be the default, the name of that.
void check_containerd_change(const std::string& before, const std::string& after, const std::string& name,
                             const std::string& binary, bool make_default);

}  // namespace engines
