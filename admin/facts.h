// What is known of one container, for the commands that tell of one.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "shim/judgement.h"
#include "shim/policy.h"

namespace admin {

// Judges the container `id` that was created or runs, by what the kernel says; nullopt if there is none. `root` is the
// runtime's --root, empty for its default, and `runtime` its name in the settings.
std::optional<shim::Judgement> judge_running(const std::string& id, const std::string& root, const std::string& runtime,
                                             shim::Policy& policy);

// Who it is, which exposures it has and what became of each, a line each.
void write_facts(std::ostream& out, const shim::Judgement& judgement, config::Mode mode);

}  // namespace admin
