// What a runtime has on disk about a container that it made: <root>/<id>/state.json (runc, youki) or status (crun).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "oci/bundle.h"

namespace oci {

struct RuntimeState {
  pid_t pid = 0;  // the container's init, as we see it
  // Of that process, clock ticks after boot: tells it from a later one with its number. youki does not note it.
  std::optional<std::uint64_t> start_time;
  std::string bundle;       // as the runtime was given it; empty if it is not noted
  Annotations annotations;  // those of Bundle, as the runtime was given them
  // The path of the IPC namespace that it was told to join, as the runtime noted it (runc in its state, crun in its
  // copy of config.json); none for a new one, or where the runtime notes nothing.
  std::optional<std::string> ipc_path;
  bool waits = false;  // it was created and has not been started
};

// Whether the container whose state is in `folder` was created and not started: runc's and crun's init both wait at a
// fifo there. Throws host::Error (unverifiable) where that cannot be told.
bool waits_to_start(const std::string& folder);

// The state in `folder`, which is <root>/<id>; nullopt if there is none that names an init process.
// Throws host::Error (unverifiable) if there is one that cannot be understood. `meanwhile` runs beside each
// document that is read.
std::optional<RuntimeState> read_runtime_state(const std::string& folder, const std::function<void()>& meanwhile = {});

// The same from what a runtime's `state` command prints (OCI runtime specification, runtime.md, "Query State"); nullopt
// if its container has no process. Throws as above.
std::optional<RuntimeState> read_state_output(std::string_view output);

// Whether `id` can be a container's for every runtime: letters, digits, "_", "+", "-" and ".", not "-" first (an
// option), not "." or "..", not "h" or "help" (runc's own). Such an id cannot lead out of the runtime's folder.
bool is_id(std::string_view id);

}  // namespace oci
