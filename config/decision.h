// The decision: facts in, verdict out. No system call is made here, and nothing is read but the arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/allowlist.h"
#include "config/container.h"
#include "config/settings.h"
#include "config/vocabulary.h"

namespace config {

struct Exposure {
  ExposureKind kind;
  std::string detail;  // where it was seen, in words
};

enum class Outcome { allow, warn, refuse };
constexpr std::array<std::string_view, 3> outcome_names = {"allow", "warn", "refuse"};
constexpr std::string_view name_of(Outcome outcome) { return outcome_names[static_cast<std::size_t>(outcome)]; }

struct JudgedExposure {
  Exposure exposure;
  Action action;
  std::optional<Exception> exception;  // the one that grants it, where action is excepted
  std::vector<std::string> expired;    // names of those that would have, had they not expired
};

struct Decision {
  Outcome outcome = Outcome::allow;
  std::vector<JudgedExposure> exposures;
};

constexpr int soon = 14;  // days: an exception whose last day is no further off is warned of

// What is to be said of an exception that expires soon: "the exception 'a' expires in 3 days, on 2027-03-31"; empty if
// it does not.
std::string expiry_warning(const Exception& exception, std::string_view today);

// What becomes of `container` with these `exposures` on the day `today` ("2026-11-21", UTC). Each exposure is excepted
// if an exception that holds grants it, and treated as the settings say otherwise; the worst of them is the outcome.
Decision decide(const std::vector<Exposure>& exposures, const Container& container, const Settings& settings,
                const Allowlist& allowlist, std::string_view today);

}  // namespace config
