#include <iostream>

#include "admin/commands.h"
#include "admin/policy.h"
#include "host/text.h"

namespace admin {

int validate(const ValidateOptions& options) {
  shim::Policy policy = policy_at(options.settings, options.allowlist);
  const config::Allowlist& allowlist = policy.allowlist();
  for (const config::Problems* problems : {&policy.settings_problems(), &allowlist.problems})
    for (const config::Problem& problem : *problems) std::cout << host::printable(problem.text(), 4096) << "\n";
  if (!policy.settings_problems().empty())
    std::cout << "the settings are broken: no container is created until they are mended\n";
  if (!allowlist.problems.empty()) std::cout << "allowlist files with a problem grant nothing; the others hold\n";
  if (!policy.settings_problems().empty() || !allowlist.problems.empty()) return 1;
  std::cout << "valid: " << allowlist.exceptions.size() << " exception" << (allowlist.exceptions.size() == 1 ? "" : "s")
            << ", mode " << config::name_of(policy.settings().mode) << "\n";
  return 0;
}

}  // namespace admin
