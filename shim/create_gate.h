// The create gate: what a bundle declares, resolved against the kernel, judged by the policy.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "host/error.h"
#include "host/namespaces.h"
#include "shim/judgement.h"
#include "shim/policy.h"

namespace shim {

// What is to be judged, from the command line.
struct Request {
  std::string bundle;               // a folder; relative to the working directory
  std::string id;                   // may be empty when only checking
  std::optional<std::string> root;  // the runtime's --root
  bool thorough = false;            // look at what only the start gate would see, too
  // Where no start gate follows (run, restore): how many descriptors beyond 0, 1 and 2 the container inherits.
  std::optional<int> descriptors = {};
  // The checkpoint's folder where the container is restored from one; relative to the working directory or the bundle,
  // which runtimes differ on.
  std::optional<std::string> checkpoint = {};
};

// `objection` says why the call cannot be judged, if so. It is asked, and the settings are read, while the sandbox
// reads the bundle; what it says comes before what is wrong with that.
Judgement judge_create(const Request& request, Policy& policy, const host::Kernel& kernel,
                       const std::function<std::optional<host::Error>()>& objection = {});

}  // namespace shim
