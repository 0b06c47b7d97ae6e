// The operator's commands. Each returns the exit status: 0 fine, 1 refused or faulty, 2 wrong usage.
#pragma once

#include <string>

namespace admin {

struct CheckOptions {
  std::string bundle, root, id;
  std::string runtime = "default";  // its name in the settings
  bool json = false;
};
// Judges a bundle as the create gate would or, without one, the container `id` as the start gate would; runs nothing.
int check(const CheckOptions& options);

struct ValidateOptions {
  std::string settings, allowlist;  // paths
};
// Lists everything that is wrong in settings and allowlist, and warns of what is broader than it looks.
int validate(const ValidateOptions& options);

}  // namespace admin
