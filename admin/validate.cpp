#include <iostream>

#include "admin/commands.h"
#include "admin/policy.h"
#include "admin/records.h"
#include "config/lint.h"
#include "host/text.h"

namespace admin {

namespace {

void list(const config::Problems& problems, const char* prefix) {
  for (const config::Problem& problem : problems) std::cout << prefix << host::printable(problem.text(), 4096) << "\n";
}

// "3 exceptions".
std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

int validate(const ValidateOptions& options) {
  shim::Policy policy = policy_at(options.settings, options.allowlist);
  const config::Allowlist& allowlist = policy.allowlist();
  list(policy.settings_problems(), "");
  list(allowlist.problems, "");
  config::Problems warnings = config::settings_warnings(options.settings, policy.settings());
  for (config::Problem& warning : config::allowlist_warnings(allowlist, today()))
    warnings.push_back(std::move(warning));
  list(warnings, "warning: ");
  if (!policy.settings_problems().empty())
    std::cout << "the settings are broken: no container is created until they are mended\n";
  if (!allowlist.problems.empty()) std::cout << "allowlist files with a problem grant nothing; the others hold\n";
  if (!policy.settings_problems().empty() || !allowlist.problems.empty()) return 1;
  std::cout << "valid: " << counted(allowlist.exceptions.size(), "exception") << ", mode "
            << config::name_of(policy.settings().mode) << ", " << counted(warnings.size(), "warning") << "\n";
  return 0;
}

}  // namespace admin
