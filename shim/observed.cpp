#include "shim/observed.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "host/error.h"
#include "host/mounts.h"
#include "host/text.h"
#include "shim/pod.h"

namespace shim {

namespace {

using config::Exposure;
using config::ExposureKind;
using host::NamespaceId;

bool contains(const std::vector<NamespaceId>& ids, const NamespaceId& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// A process that is in `ipc` and is none of the container's, whose PID namespace is `pids`; empty if there is none.
std::string other_process_in(const NamespaceId& ipc, const NamespaceId& pids, const host::Process& init) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.front() < '0' || name.front() > '9') continue;
    const auto pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    if (pid == init.pid()) continue;
    try {
      const auto process = host::Process::find(pid, std::nullopt);
      if (process && process->namespace_id("ipc") == ipc && process->namespace_id("pid") != pids) return name;
    } catch (const host::Error&) {
      continue;  // it ended, or is none of ours to look at
    }
  }
  return {};
}

// Why the IPC namespace that it is in, which is not the host's, is not its own; empty if it is.
std::string foreign_because(const host::Process& init, const NamespaceId& ipc, const oci::RuntimeState& state) {
  if (state.ipc_path) return state.ipc_path->empty() ? "" : "it joined " + host::quoted(*state.ipc_path);
  // Only runc notes what it read. A namespace of its own has nobody else in it.
  const std::string other = other_process_in(ipc, init.namespace_id("pid"), init);
  return other.empty() ? "" : "process " + other + " is in it too";
}

// Whether `mount`, which is the host's /dev/shm, came in with the folder that it is mounted below on the host, rather
// than by itself: it hangs from a mount of the same file system, at a place of the same name.
bool came_with_parent(const host::Mount& mount, const std::vector<host::Mount>& mounts,
                      const host::SharedFileSystems& shared) {
  const auto parent =
      std::find_if(mounts.begin(), mounts.end(), [&](const host::Mount& one) { return one.id == mount.parent; });
  return parent != mounts.end() && parent->device == shared.shm_parent && mount.root == shared.shm->root &&
         mount.point.ends_with(shared.shm_point.substr(shared.shm_point.rfind('/')));
}

void add_mount(std::vector<Exposure>& exposures, const host::Mount& mount, const std::vector<host::Mount>& mounts,
               const host::SharedFileSystems& shared) {
  const std::string what = "its mount on " + host::quoted(mount.point);
  if (shared.shm && shared.shm->meets({mount.device, mount.root})) {
    if (came_with_parent(mount, mounts, shared))
      exposures.push_back(
          {ExposureKind::host_shm_recursive, what + " is the host's /dev/shm, which came with the folder above it"});
    else
      exposures.push_back({ExposureKind::host_shm, what + " is the host's /dev/shm"});
  }
  const auto is = [&](const std::vector<dev_t>& devices) {
    return std::find(devices.begin(), devices.end(), mount.device) != devices.end();
  };
  if (is(shared.mqueues))
    exposures.push_back({ExposureKind::host_mqueue, what + " has the host's POSIX message queues"});
  if (is(shared.procs) && host::leads_to_processes(mount.root))
    exposures.push_back({ExposureKind::host_proc, what + " is the host's /proc"});
}

void add_open(std::vector<Exposure>& exposures, const host::Process& init, const host::Process::Open& file,
              const host::SharedFileSystems& shared, const std::vector<NamespaceId>& host_ipc) {
  const auto add = [&](ExposureKind kind, const char* what) {
    exposures.push_back(
        {kind, "its " + file.name + " in /proc is open on " + host::quoted(init.place_of(file)) + ", " + what});
  };
  const auto is = [&](const std::vector<dev_t>& devices) {
    return std::find(devices.begin(), devices.end(), file.device) != devices.end();
  };
  // Where only a part of a file system is mounted on /dev/shm, the rest of it is none of ours.
  if (shared.shm && shared.shm->device == file.device &&
      (shared.shm->root == "/" || host::lies_in(init.place_of(file), shared.shm_point)))
    add(ExposureKind::host_shm, "in the host's /dev/shm");
  if (is(shared.mqueues)) add(ExposureKind::host_mqueue, "among the host's POSIX message queues");
  if (contains(host_ipc, {file.device, file.inode})) add(ExposureKind::host_ipc, "the host's IPC namespace");
  if (file.folder && is(shared.procs)) add(ExposureKind::host_proc, "in the host's /proc");
}

}  // namespace

std::vector<Exposure> exposures_of_namespaces(const host::Process& init, const oci::RuntimeState& state,
                                              const std::optional<std::string>& root,
                                              const host::EngineFolders& engines, const host::Kernel& kernel) {
  std::vector<Exposure> exposures;
  const std::string what = "its init, process " + std::to_string(init.pid()) + ", is in ";
  const NamespaceId ipc = init.namespace_id("ipc");
  if (contains(kernel.host_ipc(), ipc)) {
    exposures.push_back({ExposureKind::host_ipc, what + "the host's IPC namespace"});
  } else if (const std::string why = foreign_because(init, ipc, state); !why.empty()) {
    const host::Engine engine = host::recognise(host::without_links(state.bundle), engines).engine;
    if (!joins_own_sandbox(state.annotations, ipc, root, engine, kernel))
      exposures.push_back({ExposureKind::foreign_ipc, what + "another container's IPC namespace: " + why});
  }
  struct stat own {};
  const NamespaceId pids = init.namespace_id("pid");
  if (stat("/proc/self/ns/pid", &own) == 0 && pids == NamespaceId{own.st_dev, own.st_ino})
    exposures.push_back({ExposureKind::host_proc, what + "the host's PID namespace"});
  return exposures;
}

std::vector<Exposure> exposures_of_files(const host::Process& init, const host::Kernel& kernel) {
  std::vector<Exposure> exposures;
  const auto mounts = init.mounts();
  const auto shared = host::shared_file_systems(host::mounts_of(AT_FDCWD), true);
  for (const host::Mount& mount : mounts) add_mount(exposures, mount, mounts, shared);
  const auto host_ipc = kernel.host_ipc();
  for (const host::Process::Open& file : init.open_files()) add_open(exposures, init, file, shared, host_ipc);
  return exposures;
}

}  // namespace shim
