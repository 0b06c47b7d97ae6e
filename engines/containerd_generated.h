// Configurations of containerd that a distribution of Kubernetes writes anew at each start, so that editing them does
// nothing: k3s, RKE2, MicroK8s, k0s.
#pragma once

#include <string>

#include "engines/containerd_text.h"

namespace engines {

// Told by the path, or by what the file says of itself.
bool is_generated(const ContainerdFile& file);

// Where one is on this host; empty if there is none.
std::string generated_containerd_config(const std::string& root);

// What to do by hand instead, for the runtime `name`.
std::string advice_on_generated(const ContainerdFile& file, const std::string& name, const std::string& shim);

}  // namespace engines
