// The create gate: what a bundle declares, resolved against the kernel, judged by the policy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/container.h"
#include "config/decision.h"
#include "host/error.h"
#include "host/namespaces.h"
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

struct Judgement {
  config::Decision decision;
  std::optional<host::Error> error;  // why it could not be judged; the outcome is then refuse
  config::Container container;
  std::string bundle;  // without links; empty if it could not be resolved
  // Why allowlist files grant nothing, one of which may be missed in the decision.
  std::vector<std::string> allowlist_problems;

  // Whether the mode lets it run.
  bool runs(config::Mode mode) const {
    return decision.outcome != config::Outcome::refuse || mode == config::Mode::audit;
  }
};

Judgement judge_create(const Request& request, Policy& policy, const host::Kernel& kernel);

// A judgement that there is none: refuse, because of `error`.
Judgement unjudged(const Request& request, const host::Error& error, const config::Settings& settings);

}  // namespace shim
