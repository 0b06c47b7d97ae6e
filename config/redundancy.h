// Exceptions that another one makes redundant.
#pragma once

#include <string_view>
#include <vector>

#include "config/allowlist.h"

namespace config {

struct Redundancy {
  const Exception* redundant;
  const Exception* because_of;  // it holds as long, matches whatever that one matches, and grants what that one grants
};

// Those among `exceptions` that have not expired, in their order; of two that are equal the later is redundant. Only
// what is plain to see is told: that every glob of the one is the same as, or a text that is matched by, one of the
// other. Takes time in proportion to the number of exceptions, unless their globs begin alike.
std::vector<Redundancy> redundancies(const std::vector<Exception>& exceptions, std::string_view today);

}  // namespace config
