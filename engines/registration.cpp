#include "engines/registration.h"

#include <algorithm>

namespace engines {

const Registration* default_of(const Registrations& registrations) {
  const auto found = std::find_if(registrations.begin(), registrations.end(),
                                  [](const Registration& registration) { return registration.is_default; });
  return found == registrations.end() ? nullptr : &*found;
}

}  // namespace engines
