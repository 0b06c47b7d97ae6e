// The containerd of this host: its program, and what it makes of its configuration.
#pragma once

#include <optional>
#include <string>

#include "engines/containerd_text.h"

namespace engines {

struct ContainerdEngine {
  std::string program;  // absolute
  int major = 0;        // 1, 2
};

// That of the containerd that runs with the configuration `config`, or the one on the PATH; none if there is none.
// Throws Error (unverifiable) if it does not tell its version.
std::optional<ContainerdEngine> containerd_engine(const std::string& config);

// What containerd makes of these files; throws Error (invalid_config) with what it says where it would not start.
std::string containerd_dump(const ContainerdEngine& engine, const ContainerdFiles& files);
// What it makes of a file in its place; empty where it would not start.
std::string containerd_dump(const ContainerdEngine& engine, const std::string& path);

}  // namespace engines
