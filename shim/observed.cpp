#include "shim/observed.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "host/error.h"
#include "host/mounts.h"
#include "host/text.h"
#include "shim/identity.h"
#include "shim/pod.h"

namespace shim {

namespace {

using config::Exposure;
using config::ExposureKind;
using host::NamespaceId;

bool contains(const std::vector<NamespaceId>& ids, const NamespaceId& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

struct View {
  const host::Process& init;
  const NamespaceId ipc;                   // the container's
  const std::vector<host::Mount>& mounts;  // of its mount namespace
  const Host& host;
  std::optional<std::string> chroot;  // the container's root, if its mounts are ours
};

// Its root, where it has no mount namespace of its own and only chroot(2) keeps it from ours. Throws Error
// (unverifiable).
std::optional<std::string> chroot_among_ours(const host::Process& init) {
  const auto own = host::own_namespace("mnt");
  if (own && init.namespace_id("mnt") != *own) return std::nullopt;
  std::string root = init.place_of({"root", {}});
  if (root.empty()) throw host::Error(host::ErrorKind::unverifiable, "where the container's root is cannot be told");
  return root;
}

bool contains(const std::vector<dev_t>& devices, dev_t device) {
  return std::find(devices.begin(), devices.end(), device) != devices.end();
}

// What an IPC namespace is that is not the container's.
std::pair<ExposureKind, const char*> whose(const NamespaceId& ipc, const View& view) {
  if (contains(view.host.ipc, ipc)) return {ExposureKind::host_ipc, "the host's IPC namespace"};
  return {ExposureKind::foreign_ipc, "another container's IPC namespace"};
}

// Whether a mount is an overlay that shows a folder of the host's /dev/shm.
bool shows_shm(const host::Mount& mount, bool strict, const View& view) {
  const auto layers = host::layers_of(mount, view.host.mounts, strict);
  return std::any_of(layers.begin(), layers.end(), [&](const host::Layer& layer) {
    return layer.id.device == view.host.shared.shm.device &&
           host::part_of(layer.id, host::without_links(layer.folder), view.host.mounts).lies_in(view.host.shared.shm);
  });
}

void add_overlay(std::vector<Exposure>& exposures, const host::Mount& mount, const std::string& what,
                 const View& view) {
  // Engines make root file systems of relative names and of links.
  const bool strict = mount.point != "/" && !host::came_with_parent(mount, view.mounts, view.host.mounts);
  try {
    if (shows_shm(mount, strict, view))
      exposures.push_back({ExposureKind::host_shm, what + " is an overlay of the host's /dev/shm"});
  } catch (const host::Error& error) {
    throw host::Error(error.kind(), what + " is " + error.what());
  }
}

void add_mount(std::vector<Exposure>& exposures, const host::Mount& mount, const View& view) {
  const std::string what = "its mount on " + host::quoted(mount.point);
  const host::FileSystemPart part{mount.device, mount.root};
  const bool shm = part.lies_in(view.host.shared.shm), mqueue = contains(view.host.shared.mqueues, mount.device);
  const auto ipc = host::ipc_namespace(mount);
  const bool others = ipc && *ipc != view.ipc;
  // Among our mounts all are the host's, whoever made them: as a runtime does in the root that it takes.
  const bool told_apart = !view.chroot || *view.chroot == "/";
  if ((shm || mqueue || others) && told_apart && host::came_with_parent(mount, view.mounts, view.host.mounts))
    exposures.push_back({ExposureKind::host_shm_recursive, what + " is the host's, and came with the folder above it"});
  else if (shm)
    exposures.push_back({ExposureKind::host_shm, what + " is the host's /dev/shm"});
  else if (mqueue)
    exposures.push_back({ExposureKind::host_mqueue, what + " has the host's POSIX message queues"});
  else if (others)
    exposures.push_back({whose(*ipc, view).first, what + " is " + whose(*ipc, view).second});
  else if (view.host.shared.shm_is_mount && view.host.shared.shm.lies_in(part))
    exposures.push_back({ExposureKind::host_shm_recursive, what + " has the host's /dev/shm in it"});
  if (mount.type == "overlay") add_overlay(exposures, mount, what, view);
  if (contains(view.host.shared.procs, mount.device) && host::leads_to_processes(mount.root))
    exposures.push_back({ExposureKind::host_proc, what + " is the host's /proc"});
}

// Whether it lies on none of the container's mounts: on the host's, or on those of yet another mount namespace. Where
// the kernel does not tell the mount, a folder counts as such.
bool lies_outside(const host::Process::Open& file, const View& view) {
  if (view.chroot && !host::lies_in(view.init.place_of(file), *view.chroot)) return true;
  return std::none_of(view.mounts.begin(), view.mounts.end(),
                      [&](const host::Mount& mount) { return file.id.mount && mount.id == *file.id.mount; });
}

std::string words_for(const host::Process::Open& file) {
  if (file.name == "cwd") return "working directory";
  if (file.name == "root") return "root directory";
  return "descriptor " + file.name.substr(file.name.rfind('/') + 1);
}

bool on_overlay_of_shm(const host::Process::Open& file, const View& view) {
  return std::any_of(view.host.mounts.begin(), view.host.mounts.end(), [&](const host::Mount& mount) {
    return file.id.mount && mount.id == *file.id.mount && shows_shm(mount, false, view);
  });
}

void add_open(std::vector<Exposure>& exposures, const host::Process::Open& file, const View& view) {
  const auto add = [&](ExposureKind kind, const char* what) {
    if (view.init.closes_on_exec(file)) return;
    exposures.push_back(
        {kind, "its " + words_for(file) + " is open on " + host::quoted(view.init.place_of(file)) + ", " + what});
  };
  const bool outside = lies_outside(file, view);
  const auto& seen_with = outside ? view.host.mounts : view.mounts;
  if (file.id.device == view.host.shared.shm.device &&
      host::part_of(file.id, view.init.place_of(file), seen_with).lies_in(view.host.shared.shm))
    add(ExposureKind::host_shm, "in the host's /dev/shm");
  else if (outside && file.id.folder)
    add(ExposureKind::host_shm, "a folder of the host's, from where its /dev/shm can be reached");
  else if (outside && file.id.regular && on_overlay_of_shm(file, view))
    add(ExposureKind::host_shm, "on an overlay of the host's /dev/shm");
  if (contains(view.host.shared.mqueues, file.id.device))
    add(ExposureKind::host_mqueue, "among the host's POSIX message queues");
  else if (outside && file.id.regular && view.init.is_message_queue(file))
    add(ExposureKind::host_mqueue, "among another container's POSIX message queues");
  if (file.id.device == view.ipc.device) {
    const auto ipc = view.init.ipc_namespace_at(file);
    if (ipc && *ipc != view.ipc) add(whose(*ipc, view).first, whose(*ipc, view).second);
  }
  if (file.id.folder && contains(view.host.shared.procs, file.id.device))
    add(ExposureKind::host_proc, "in the host's /proc");
}

}  // namespace

Host look_at_host(const host::Kernel& kernel) {
  Host host{kernel.host_ipc(), host::mounts_of(AT_FDCWD), {}};
  host.shared = host::shared_file_systems(host.mounts, true);
  return host;
}

std::vector<Exposure> exposures_of_namespaces(const host::Process& init, const oci::RuntimeState& state,
                                              const std::optional<std::string>& root,
                                              const host::EngineFolders& engines, const host::Kernel& kernel,
                                              const Host& host) {
  std::vector<Exposure> exposures;
  const std::string what = "its init, process " + std::to_string(init.pid()) + ", is in ";
  const NamespaceId ipc = init.namespace_id("ipc");
  if (contains(host.ipc, ipc)) {
    exposures.push_back({ExposureKind::host_ipc, what + "the host's IPC namespace"});
  } else if (state.ipc_path) {  // it joined one, by the runtime's own word
    const std::string bundle = host::without_links(state.bundle);
    if (!joins_own_pod({state.annotations, bundle, *state.ipc_path, kernel.cgroup_of(init.pid()), root,
                        engine_of(bundle, engines)},
                       ipc, kernel))
      exposures.push_back(
          {ExposureKind::foreign_ipc, what + "another container's IPC namespace, " + host::quoted(*state.ipc_path)});
  }
  const auto own_pids = host::own_namespace("pid");
  if (!own_pids || init.namespace_id("pid") == *own_pids)
    exposures.push_back({ExposureKind::host_proc, what + "the host's PID namespace"});
  return exposures;
}

std::vector<Exposure> exposures_of_files(const host::Process& init, const Host& host) {
  std::vector<Exposure> exposures;
  const auto chroot = chroot_among_ours(init);
  if (chroot)  // in the words of the create gate
    exposures.push_back({ExposureKind::host_shm_recursive,
                         "its init, process " + std::to_string(init.pid()) + ", is among mounts that are not its own"});
  const auto mounts = init.mounts();  // below its root
  const View view{init, init.namespace_id("ipc"), chroot ? host.mounts : mounts, host, chroot};
  for (const host::Mount& mount : mounts) add_mount(exposures, mount, view);
  for (const host::Process::Open& file : init.open_files()) add_open(exposures, file, view);
  return exposures;
}

}  // namespace shim
