// What a runtime has on disk about a container that it made: <root>/<id>/state.json (runc) or status (crun).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "oci/bundle.h"

namespace oci {

struct RuntimeState {
  pid_t pid = 0;                 // the container's init, as we see it
  std::uint64_t start_time = 0;  // of that process, clock ticks after boot: tells it from a later one with its number
  Annotations annotations;       // as in Bundle, as the runtime was given them
};

// The state in `folder`, which is <root>/<id>; nullopt if neither file is there. Throws host::Error (unverifiable or a
// kind of read_strictly's) if there is one that cannot be understood.
std::optional<RuntimeState> read_runtime_state(const std::string& folder);

// Whether `id` can be a container's for every runtime: letters, digits, "_", "+", "-" and ".", not "-" first (an
// option), not "." or "..", not "h" or "help" (runc's own). Such an id cannot lead out of the runtime's folder.
bool is_id(std::string_view id);

}  // namespace oci
