// Which engine called, told by where it keeps the bundle: a place that only root can write to. Annotations are never
// asked, since whoever creates a container can write them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace host {

enum class Engine { docker, kubernetes, podman, containerd, unknown };
constexpr std::array<std::string_view, 5> engine_names = {"docker", "kubernetes", "podman", "containerd", "unknown"};
constexpr std::string_view name_of(Engine engine) { return engine_names[static_cast<std::size_t>(engine)]; }

// Where this host's engines keep their state.
struct EngineFolders {
  std::vector<std::string> containerd_state = {"/run/containerd", "/run/k3s/containerd",
                                               "/var/snap/microk8s/common/run/containerd"};
  std::vector<std::string> docker_exec_root = {"/run/docker"};
  std::vector<std::string> docker_data_root = {"/var/lib/docker"};
  std::vector<std::string> containers_storage = {"/var/lib/containers/storage"};  // containers/storage's graph roots
};

struct Caller {
  Engine engine = Engine::unknown;
  std::string id;                    // the container's, as the engine's folder has it; empty for unknown
  std::string containerd_namespace;  // empty where there is none
  std::string storage;               // the folder of containers/storage that the bundle is in; empty where it is not
};

// Who keeps its bundles at `bundle`, an absolute path without links. CRI-O, which shares containers/storage with
// Podman, looks like it here: only the record of the container tells them apart (shim/identity.h).
Caller recognise(const std::string& bundle, const EngineFolders& folders);

// `path` without links; empty if it cannot be resolved.
std::string without_links(const std::string& path);

}  // namespace host
