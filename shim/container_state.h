// Finding the state of a container that was created: where its runtime keeps it, or by asking the runtime.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oci/runtime_state.h"

namespace shim {

struct StateQuery {
  std::string id;
  std::optional<std::string> root;   // --root
  std::string runtime;               // its path
  std::vector<std::string> globals;  // the arguments for asking the runtime; without a log, which is the engine's
  std::string fault;                 // why the runtime must not be asked; empty if it may be
};

// The state of a container; nullopt where there is none, which its runtime will say itself. Throws host::Error if there
// is one that cannot be found out. `meanwhile` as for oci::read_runtime_state.
std::optional<oci::RuntimeState> find_state(const StateQuery& query, const std::function<void()>& meanwhile = {});

// Where the runtime keeps its containers' state, where that can be told without asking it.
std::optional<std::string> state_root(const StateQuery& query);

// Everywhere that runc or crun, by whatever name, may keep it: where the container is found is then asked as above.
std::vector<std::string> possible_state_roots(const StateQuery& query);

}  // namespace shim
