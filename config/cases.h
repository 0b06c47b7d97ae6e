// Policy tests: containers as they might be, and what a policy should make of them. docs/policy.md describes the file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/container.h"
#include "config/decision.h"
#include "config/document.h"

namespace config {

struct Case {
  std::string name;
  Outcome expect = Outcome::allow;
  std::string exception;  // that must have a part in it; may be empty
  std::string today;      // the day on which it is decided; empty: the one it is
  // Either who it is and what it would reach, or a bundle that declares it.
  std::optional<Container> container;
  std::vector<Exposure> exposures;
  std::string bundle, id;
};

struct Cases {
  std::vector<Case> cases;
  Problems problems;  // with one of these there are no cases
};

// Reads the text of a file of cases; `file` names it in problems.
Cases parse_cases(const std::string& file, std::string_view text);

// How `decision` is not what `expected` says: "expected refuse, is allow by 'x'"; empty if it is.
std::string difference(const Case& expected, const Decision& decision);

}  // namespace config
