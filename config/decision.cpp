#include "config/decision.h"

#include <algorithm>

namespace config {

namespace {

JudgedExposure judge(const Exposure& exposure, const Container& container, const Settings& settings,
                     const Allowlist& allowlist, std::string_view today) {
  JudgedExposure judged{exposure, settings.action_for(exposure.kind), {}, {}};
  if (judged.action == Action::allow) return judged;  // nothing to except
  for (const Exception& exception : allowlist.exceptions) {
    if (!exception.grants(exposure.kind) || !exception.matches(container)) continue;
    if (exception.expired(today)) {
      judged.expired.push_back(exception.name + " (on " + exception.expires + ")");
    } else if (judged.action != Action::excepted || exception.name < judged.exception) {
      // Of several the first by name is told, whatever the order of files.
      judged.action = Action::excepted;
      judged.exception = exception.name;
    }
  }
  return judged;
}

Outcome outcome_of(Action action) {
  switch (action) {
    case Action::refuse: return Outcome::refuse;
    case Action::warn: return Outcome::warn;
    case Action::allow:
    case Action::excepted: return Outcome::allow;
  }
  return Outcome::refuse;
}

}  // namespace

Decision decide(const std::vector<Exposure>& exposures, const Container& container, const Settings& settings,
                const Allowlist& allowlist, std::string_view today) {
  Decision decision;
  for (const Exposure& exposure : exposures) {
    decision.exposures.push_back(judge(exposure, container, settings, allowlist, today));
    decision.outcome = std::max(decision.outcome, outcome_of(decision.exposures.back().action));
  }
  return decision;
}

}  // namespace config
