// The policy that a command is about.
#pragma once

#include <string>

#include "shim/policy.h"

namespace admin {

// The policy in these files. One that is only tried, in CI say, may be its author's; the one in force is root's.
inline shim::Policy policy_at(const std::string& settings, const std::string& allowlist) {
  const bool in_force = settings == config::settings_path && allowlist == config::allowlist_path;
  return shim::Policy(settings, allowlist, in_force ? host::Owner::root : host::Owner::root_or_caller);
}

}  // namespace admin
