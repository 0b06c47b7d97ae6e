// The operator's commands. Each returns the exit status: 0 fine, 1 refused or faulty, 2 wrong usage.
#pragma once

#include <string>

namespace admin {

struct CheckOptions {
  std::string bundle, root, id;
  bool json = false;
};
// Judges a bundle as the shim would, and runs nothing.
int check(const CheckOptions& options);

struct ValidateOptions {
  std::string settings, allowlist;  // paths
};
// Lists everything that is wrong in settings and allowlist.
int validate(const ValidateOptions& options);

}  // namespace admin
