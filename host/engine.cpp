#include "host/engine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>

#include "host/file.h"

namespace host {

namespace {

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(path)) parts.push_back(part.string());
  return parts;
}

// A containerd keeps bundles at <state>/io.containerd.runtime.v2.task/<namespace>/<id> (runtime/v2/bundle.go), and kept
// those of its first shim at …/io.containerd.runtime.v1.linux/….
bool below_containerd(const std::string& bundle, const std::string& state, Caller& caller) {
  const std::string resolved = without_links(state);
  if (resolved.empty() || !bundle.starts_with(resolved + "/")) return false;
  const auto parts = parts_of(bundle.substr(resolved.size() + 1));
  if (parts.size() != 3 || !parts[0].starts_with("io.containerd.runtime.v")) return false;
  if (!only_root_can_change(resolved + "/" + parts[0] + "/" + parts[1])) return false;
  caller = {Engine::containerd, parts[2], parts[1], {}};
  return true;
}

// What containers/storage makes for a container: <root>/<driver>-containers/<id>/userdata. libpod's bundles are below
// the graph root (StaticDir), or the run root where its storage is transient; CRI-O's below the run root (RunDir).
bool in_containers_storage(const std::string& bundle, Caller& caller) {
  const auto parts = parts_of(bundle);
  const std::size_t n = parts.size();
  if (n < 4 || parts[n - 1] != "userdata" || parts[n - 2].size() != 64 || !parts[n - 3].ends_with("-containers"))
    return false;
  const std::string folder = std::filesystem::path(bundle).parent_path().parent_path().string();
  struct stat stat {};
  const bool callers =
      lstat(folder.c_str(), &stat) == 0 && stat.st_uid == geteuid() && (stat.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!only_root_can_change(folder) && !callers) return false;
  caller = {Engine::podman, parts[n - 2], {}, folder};
  return true;
}

}  // namespace

std::string without_links(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? std::string() : std::string(resolved);
}

Caller recognise(const std::string& bundle, const EngineFolders& folders) {
  Caller caller;
  for (const std::string& root : folders.docker_exec_root) {
    if (!below_containerd(bundle, root + "/containerd/daemon", caller)) continue;
    if (caller.containerd_namespace == "moby") caller.engine = Engine::docker;
    return caller;
  }
  for (const std::string& state : folders.containerd_state) {
    if (!below_containerd(bundle, state, caller)) continue;
    if (caller.containerd_namespace == "moby") caller.engine = Engine::docker;
    if (caller.containerd_namespace == "k8s.io") caller.engine = Engine::kubernetes;
    return caller;
  }
  in_containers_storage(bundle, caller);
  return caller;
}

}  // namespace host
