#include "config/decision.h"

#include <algorithm>

#include "config/date.h"
#include "host/text.h"

namespace config {

namespace {

// `matching` are the exceptions whose conditions the container fulfils.
JudgedExposure judge(const Exposure& exposure, const std::vector<const Exception*>& matching, const Settings& settings,
                     std::string_view today) {
  JudgedExposure judged{exposure, settings.action_for(exposure.kind), {}, {}};
  if (judged.action == Action::allow) return judged;  // nothing to except
  const Exception* first = nullptr;  // by name: of several that one is told, whatever the order of files
  for (const Exception* exception : matching) {
    if (!exception->grants(exposure.kind)) continue;
    if (exception->expired(today)) {
      judged.expired.push_back(exception->name + " (on " + exception->expires + ")");
    } else if (first == nullptr || exception->name < first->name) {
      first = exception;
    }
  }
  if (first != nullptr) {
    judged.action = Action::excepted;
    judged.exception = *first;
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
  std::vector<const Exception*> matching;  // the same for all exposures
  for (const Exception& exception : allowlist.exceptions)
    if (exception.matches(container)) matching.push_back(&exception);
  for (const Exposure& exposure : exposures) {
    decision.exposures.push_back(judge(exposure, matching, settings, today));
    decision.outcome = std::max(decision.outcome, outcome_of(decision.exposures.back().action));
  }
  return decision;
}

}  // namespace config
