// The create gate: what a bundle declares, resolved against the kernel, judged by the policy.
#pragma once

#include <optional>
#include <string>

#include "host/namespaces.h"
#include "shim/judgement.h"
#include "shim/policy.h"

namespace shim {

// What is to be judged, from the command line.
struct Request {
  std::string bundle;               // a folder; relative to the working directory
  std::string id;                   // may be empty when only checking
  std::optional<std::string> root;  // the runtime's --root
  // The checkpoint's folder where the container is restored from one; relative to the working directory or the bundle,
  // which runtimes differ on.
  std::optional<std::string> checkpoint = {};
};

Judgement judge_create(const Request& request, Policy& policy, const host::Kernel& kernel);

}  // namespace shim
