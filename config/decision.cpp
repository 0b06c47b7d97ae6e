#include "config/decision.h"

#include <algorithm>

#include "config/date.h"
#include "host/text.h"

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
    } else if (!judged.exception || exception.name < judged.exception->name) {
      // Of several the first by name is told, whatever the order of files.
      judged.action = Action::excepted;
      judged.exception = exception;
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

std::string expiry_warning(const Exception& exception, std::string_view today) {
  if (exception.expires.empty() || exception.expired(today)) return {};
  const auto left = (day_of(exception.expires).value() - day_of(today).value()).count();
  if (left > soon) return {};
  const std::string when = left == 0 ? "today" : "in " + std::to_string(left) + (left == 1 ? " day" : " days");
  return "the exception " + host::quoted(exception.name) + " expires " + when + ", on " + exception.expires;
}

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
