// What both gates end in: exposures, and what the policy makes of them.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "config/container.h"
#include "config/decision.h"
#include "host/error.h"
#include "shim/identity.h"
#include "shim/policy.h"

namespace shim {

struct Judgement {
  config::Decision decision;
  std::optional<host::Error> error;  // why it could not be judged; the outcome is then refuse
  Subject subject;
  config::Container container;  // who that is; asked only where it matters
  // Why allowlist files grant nothing, one of which may be missed in the decision; one for each file.
  std::vector<std::string> allowlist_problems;

  std::vector<std::string> warnings;  // of exceptions that soon will not hold, or do not any more

  // Whether the mode lets it run.
  bool runs(config::Mode mode) const {
    return decision.outcome != config::Outcome::refuse || mode == config::Mode::audit;
  }
};

// Judges `exposures` of a container. Who it is, and the allowlist, matter only where there is something to except.
Judgement judge(const std::vector<config::Exposure>& exposures, Subject subject, Policy& policy);

// That there is no judgement: refuse, because of `error`.
Judgement unjudged(Subject subject, const host::Error& error, const Policy& policy);

// What was thrown: an Error as it is, what a library threw as the one that no judgement could be made.
host::Error as_error(const std::exception& thrown);

// Throws host::Error (invalid_policy) if the settings are broken.
void require_sound_settings(const Policy& policy);

}  // namespace shim
