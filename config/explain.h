// Why an exception did not grant what a container would have needed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/allowlist.h"
#include "config/container.h"
#include "config/vocabulary.h"

namespace config {

struct NearMiss {
  const Exception* exception;       // of the allowlist that was asked about
  std::vector<std::string> failed;  // each condition that does not hold, in words
};

// The exceptions that do not grant `container` all of `wanted` on the day `today`, those with the fewest failed
// conditions first and by name among equals; at most `limit`.
std::vector<NearMiss> near_misses(const std::vector<ExposureKind>& wanted, const Container& container,
                                  const Allowlist& allowlist, std::string_view today, std::size_t limit = 5);

}  // namespace config
