#include "shim/pod.h"

#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "host/error.h"
#include "oci/runtime_state.h"

namespace shim {

namespace {

// How a CRI marks a pod's containers: containerd's pkg/cri/annotations, CRI-O's pkg/annotations.
struct Marks {
  std::string_view type, sandbox;
};
constexpr std::array<Marks, 2> marks = {Marks{"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
                                        Marks{"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"}};

std::string value_of(const oci::Annotations& annotations, std::string_view key) {
  const auto found = annotations.find(std::string(key));
  return found == annotations.end() ? std::string() : found->second;
}

std::vector<std::string> roots(const std::optional<std::string>& root) {
  if (root) return {*root};
  // crun's default, for root too (libcrun/status.c, get_run_directory); what is there counts only if it is root's.
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  const bool has_runtime_dir = runtime_dir != nullptr && *runtime_dir != '\0';
  return {"/run/runc", (has_runtime_dir ? std::string(runtime_dir) : "/run") + "/crun"};
}

// The state of `id`, wherever a runtime keeps it; nullopt where there is none, or none that can be understood.
std::optional<oci::RuntimeState> state_of(const std::string& id, const std::optional<std::string>& root) {
  for (const std::string& folder : roots(root)) {
    try {
      if (auto state = oci::read_runtime_state(folder + "/" + id)) return state;
    } catch (const host::Error&) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

bool joins_own_sandbox(const oci::Annotations& annotations, const host::NamespaceId& joined,
                       const std::optional<std::string>& root, host::Engine engine, const host::Kernel& kernel) {
  if (engine != host::Engine::kubernetes && engine != host::Engine::unknown) return false;
  for (const Marks& mark : marks) {
    const std::string sandbox = value_of(annotations, mark.sandbox);
    if (value_of(annotations, mark.type) != "container" || !oci::is_id(sandbox)) continue;
    const auto state = state_of(sandbox, root);
    if (!state || !state->start_time || value_of(state->annotations, mark.type) != "sandbox" ||
        value_of(state->annotations, mark.sandbox) != sandbox)
      continue;
    try {
      if (kernel.ipc_of(state->pid, *state->start_time) == joined) return true;
    } catch (const host::Error&) {
      continue;  // its init is gone: nothing is proved
    }
  }
  return false;
}

}  // namespace shim
