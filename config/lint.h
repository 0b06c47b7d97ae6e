// What is valid in a policy and still may be a mistake: exceptions that are broader than they look, or that grant
// nothing, and settings that refuse less than the defaults. docs/policy.md, "Broader than it looks", lists them.
#pragma once

#include <string>
#include <string_view>

#include "config/allowlist.h"
#include "config/document.h"
#include "config/settings.h"

namespace config {

// Each with what is the matter and how to mend it, in the order of files and lines; `file` names the settings' own.
Problems settings_warnings(const std::string& file, const Settings& settings);
Problems allowlist_warnings(const Allowlist& allowlist, std::string_view today);

}  // namespace config
