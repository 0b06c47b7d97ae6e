#include "shim/judgement.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "config/date.h"
#include "host/text.h"

namespace shim {

namespace {

// Not by gmtime_r(3), which counts the leap seconds of whatever file the environment's TZ names.
std::string today() { return config::text_of(std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now())); }

}  // namespace

Judgement judge(const std::vector<config::Exposure>& exposures, Subject subject, Policy& policy) {
  Judgement judgement;
  judgement.subject = std::move(subject);
  if (exposures.empty() && !policy.settings().log.everything) return judgement;
  judgement.container = identify(judgement.subject, policy.settings().engines);
  if (exposures.empty()) return judgement;
  const std::string day = today();
  judgement.decision = config::decide(exposures, judgement.container, policy.settings(), policy.allowlist(), day);
  std::set<std::string> warnings;
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    if (judged.exception) warnings.insert(config::expiry_warning(*judged.exception, day));
    for (const std::string& name : judged.expired)
      if (!judged.exception) warnings.insert("the exception " + host::quoted(name) + " has expired");
  }
  warnings.erase("");
  judgement.warnings.assign(warnings.begin(), warnings.end());
  std::set<std::string> files;  // the first problem of each
  for (const config::Problem& problem : policy.allowlist().problems)
    if (files.insert(problem.file).second) judgement.allowlist_problems.push_back(problem.text());
  return judgement;
}

Judgement unjudged(Subject subject, const host::Error& error, const Policy& policy) {
  Judgement judgement;
  judgement.error = error;
  judgement.decision.outcome = config::Outcome::refuse;
  judgement.subject = std::move(subject);
  judgement.container = identify(judgement.subject, policy.settings().engines);
  return judgement;
}

void require_sound_settings(const Policy& policy) {
  if (const auto& problems = policy.settings_problems(); !problems.empty())
    throw host::Error(host::ErrorKind::invalid_policy,
                      problems.front().text() +
                          "; no container is created until that is mended, and ipcguard validate lists all of it");
}

host::Error as_error(const std::exception& thrown) {
  if (const auto* error = dynamic_cast<const host::Error*>(&thrown)) return *error;
  return {host::ErrorKind::unverifiable, "it could not be judged: " + host::quoted(thrown.what(), 200)};
}

}  // namespace shim
