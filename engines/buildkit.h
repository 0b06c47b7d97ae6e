// BuildKit's own daemon, buildkitd. (dockerd has BuildKit built in, and takes "runc" from its PATH.)
#pragma once

#include <string>
#include <vector>

namespace engines {

struct BuildkitWorkers {
  // The first of these that there is on its PATH is the OCI worker's runtime; none: there is no such worker.
  std::vector<std::string> oci;
  // What the containerd worker has containerd run, where something is said about it: an OCI runtime, or the type of a
  // containerd shim. Empty: containerd's own default.
  std::string containerd;
  std::string where;  // the file or option that says so; "built in" if none
};

constexpr const char* buildkit_config = "/etc/buildkit/buildkitd.toml";

// By the arguments of a buildkitd, and by the file that they or the default name; `folder` is where it works, for a
// path that is relative. Throws host::Error (invalid_config) if that cannot be read.
BuildkitWorkers buildkit_workers(const std::vector<std::string>& arguments, const std::string& folder);

// The file that it reads.
std::string buildkit_config_of(const std::vector<std::string>& arguments, const std::string& folder);

}  // namespace engines
