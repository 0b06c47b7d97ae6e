// Carries out a plan so that it can be undone, and can break off anywhere: what is written replaces the old file in one
// step, and a record of it, with the old bytes, is kept before.
#pragma once

#include <string>

#include "engines/plan.h"

namespace engines {

// What would be changed. Throws Error. To remove: where a file is just what we wrote, its old bytes come back; else
// what Edit::take leaves of it.
Changes changes_of(const Plan& plan, const Wish& wish);

// Changes it, makes the engine go by it, and tells what was done, which is nothing if that is empty. Throws Error; no
// file is half written then, and running it again repairs what broke off.
Notes carry_out(const Plan& plan, const Wish& wish);

// The wish that the record for `engine` holds, so that --remove needs not be told it again; none: there is no record.
std::optional<Wish> recorded_wish(const std::string& engine, const std::string& root);

// The changes as `diff -u` shows them.
std::string unified_diff(const Changes& changes);

}  // namespace engines
