#include "shim/pod.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "host/error.h"
#include "host/file.h"
#include "oci/runtime_state.h"

namespace shim {

namespace {

namespace fs = std::filesystem;

std::string value_of(const oci::Annotations& annotations, std::string_view key) {
  const auto found = annotations.find(std::string(key));
  return found == annotations.end() ? std::string() : found->second;
}

std::vector<std::string> roots(const std::optional<std::string>& root) {
  if (root) return {*root};
  // crun's default, for root too (libcrun/status.c, get_run_directory), and rootless runc's; what is there counts only
  // if it is root's or our caller's.
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  const bool has_runtime_dir = runtime_dir != nullptr && *runtime_dir != '\0';
  const std::string folder = has_runtime_dir ? runtime_dir : "/run";
  return {"/run/runc", folder + "/crun", folder + "/runc"};
}

// The state of `id`, wherever a runtime keeps it; nullopt where there is none whose init is in `joined`.
std::optional<oci::RuntimeState> state_in(const host::NamespaceId& joined, const std::string& id,
                                          const std::optional<std::string>& root, const host::Kernel& kernel) {
  for (const std::string& folder : roots(root)) {
    try {
      auto state = oci::read_runtime_state(folder + "/" + id);
      if (!state) continue;
      if (state->start_time && kernel.ipc_of(state->pid, *state->start_time) == joined) return state;
    } catch (const host::Error&) {
      // not to be understood, or its init is gone: nothing is proved
    }
    return std::nullopt;
  }
  return std::nullopt;
}

bool joins_containerds(const Joining& member, const host::NamespaceId& joined, const host::Kernel& kernel) {
  constexpr std::string_view type = "io.kubernetes.cri.container-type", sandbox_id = "io.kubernetes.cri.sandbox-id";
  const std::string sandbox = value_of(member.annotations, sandbox_id);
  if (value_of(member.annotations, type) != "container" || !oci::is_id(sandbox)) return false;
  const auto state = state_in(joined, sandbox, member.root, kernel);
  return state && value_of(state->annotations, type) == "sandbox" &&
         value_of(state->annotations, sandbox_id) == sandbox;
}

// The IPC namespace's path in the config.json at `folder`, if that is of the pod `uid`; empty if not.
std::string ipc_path_in_pod(const std::string& folder, const std::string& uid) {
  constexpr host::FileRules rules{host::Owner::root, oci::max_document, host::ErrorKind::unverifiable};
  const auto file = host::read_file(AT_FDCWD, folder + "/config.json", rules, folder);
  if (!file) return {};
  const oci::Bundle bundle = oci::read_bundle(file->text);
  if (uid.empty() || value_of(bundle.annotations, "io.kubernetes.pod.uid") != uid || !bundle.ipc) return {};
  return bundle.ipc->path.value_or("");
}

// CRI-O, internal/config/nsmgr and sandbox_run_linux.go. SandboxID, which annotations of a container's request can
// replace, only tells where to look; the pod's uid and the container's name are labels of the kubelet's, written last.
bool joins_crios(const Joining& member, const host::NamespaceId& joined, const host::Kernel& kernel) {
  const std::string uid = value_of(member.annotations, "io.kubernetes.pod.uid");
  std::string sandbox = value_of(member.annotations, "io.kubernetes.cri-o.SandboxID");
  const fs::path container = fs::path(member.bundle).parent_path();
  if (value_of(member.annotations, "io.kubernetes.container.name") == "POD") {
    // The sandbox itself, where it has a process: CRI-O has just made its namespaces, and joins no others there.
    const std::string pinned = host::without_links(member.path);
    const fs::path folder = fs::path(pinned).parent_path();
    return folder.filename() == "ipcns" && host::only_root_can_change(folder.string());
  }
  if (!oci::is_id(sandbox) || container.filename() == sandbox) return false;
  const fs::path folder = container.parent_path() / sandbox;
  if (!host::only_root_can_change(folder.string())) return false;
  try {
    const std::string path = ipc_path_in_pod(folder.string() + "/userdata", uid);
    return !path.empty() && kernel.ipc_at(path) == joined;
  } catch (const host::Error&) {
    return false;  // nothing is proved
  }
}

// The 64 hexadecimal digits that follow `mark` in `text`; empty if there are none.
std::string id_after(std::string_view mark, std::string_view text) {
  constexpr std::size_t size = 64;
  for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
    const std::string_view id = text.substr(at + mark.size(), size);
    if (id.size() == size && id.find_first_not_of("0123456789abcdef") == std::string_view::npos) return std::string(id);
  }
  return {};
}

// The pod in whose cgroup libpod puts a container (runtime_pod_linux.go; getOCICgroupPath): with systemd
// ".../machine-libpod_pod_POD.slice/libpod-ID.scope", without "/libpod_parent/POD/libpod-ID".
std::string pod_of(std::string_view cgroup) {
  const std::string pod = id_after("libpod_pod_", cgroup);
  return pod.empty() ? id_after("/libpod_parent/", cgroup) : pod;
}

// P of the path "/proc/P/ns/ipc"; 0 of any other.
pid_t process_in(const std::string& path) {
  constexpr std::string_view before = "/proc/", after = "/ns/ipc";
  if (!path.starts_with(before) || !path.ends_with(after) || path.size() <= before.size() + after.size()) return 0;
  const std::string pid = path.substr(before.size(), path.size() - before.size() - after.size());
  if (pid.size() > 9 || pid.find_first_not_of("0123456789") != std::string::npos) return 0;
  return static_cast<pid_t>(std::strtol(pid.c_str(), nullptr, 10));
}

bool joins_podmans(const Joining& member, const host::NamespaceId& joined, const host::Kernel& kernel) {
  const pid_t process = process_in(member.path);
  const std::string cgroup = process > 0 ? kernel.cgroup_of(process) : std::string();
  const std::string pod = pod_of(cgroup), infra = id_after("/libpod-", cgroup);
  const fs::path container = fs::path(member.bundle).parent_path();
  if (pod.empty() || infra.empty() || pod != pod_of(member.cgroup) || container.filename() == infra) return false;
  const auto state = state_in(joined, infra, member.root, kernel);
  return state && state->pid == process &&
         fs::path(host::without_links(state->bundle)).parent_path().parent_path() == container.parent_path();
}

}  // namespace

bool joins_own_pod(const Joining& member, const host::NamespaceId& joined, const host::Kernel& kernel) {
  switch (member.engine) {
    case host::Engine::kubernetes:
      return fs::path(member.bundle).filename() == "userdata" ? joins_crios(member, joined, kernel)
                                                              : joins_containerds(member, joined, kernel);
    case host::Engine::podman: return joins_podmans(member, joined, kernel);
    case host::Engine::unknown: return joins_containerds(member, joined, kernel);  // a runtime called by hand
    case host::Engine::docker:
    case host::Engine::containerd: return false;  // no pods
  }
  return false;
}

}  // namespace shim
