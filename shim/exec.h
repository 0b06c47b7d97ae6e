// Becoming the runtime.
#pragma once

#include <string>
#include <vector>

#include "shim/policy.h"

namespace shim {

// The runtime that a call is for.
struct Runtime {
  std::string path;   // empty if the settings have none of that name
  std::string fault;  // why it cannot be run, and how to mend that; empty if nothing
  bool kept = false;  // this program stands in its place (docs/hard-mode.md)
};

// Which copies of the shim are to be recognised where the runtime should be, by what that costs.
enum class Copies { of_own_size, all };

// In hard mode, that is, where one is kept beside this program: that one, whatever the settings say. Otherwise the one
// that is called `name` in the settings or, if hard mode has put the shim there, what is kept beside that. Where the
// settings are broken, what could be read of them counts, and the built-in path otherwise.
Runtime choose_runtime(const Policy& policy, const std::string& name, Copies copies = Copies::of_own_size);

// Throws host::Error (invalid_policy) if the runtime has a fault.
void require_usable(const Runtime& runtime);

// Replaces this process by the runtime, with the arguments of `argv` after its first, and nothing else changed. The
// first is its path or, where this program stands in its place, what the caller gave: by that crun knows that it was
// called as krun. Throws host::Error (invalid_policy) if the runtime has a fault or that fails.
[[noreturn]] void become_runtime(const Runtime& runtime, const std::vector<std::string>& argv);

}  // namespace shim
