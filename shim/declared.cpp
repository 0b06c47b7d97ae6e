#include "shim/declared.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <set>
#include <system_error>

#include "host/error.h"
#include "host/mounts.h"
#include "host/path.h"
#include "host/text.h"
#include "shim/pod.h"

namespace shim {

namespace {

using config::Exposure;
using config::ExposureKind;
using host::Error;
using host::ErrorKind;

constexpr decltype(statfs::f_type) overlay_magic = 0x794c7630;  // OVERLAYFS_SUPER_MAGIC
constexpr std::size_t enough = 8;                               // exposures of one kind to name

// The host's mounts, read when a source makes it necessary: most containers bind a few files only.
class HostMounts {
 public:
  const std::vector<host::Mount>& all() {
    if (!all_) all_ = host::mounts_of(AT_FDCWD);
    return *all_;
  }
  const host::SharedFileSystems& shared() {
    if (!shared_) shared_ = host::shared_file_systems(all(), false);
    return *shared_;
  }
  // Whether `device` is that of /dev/shm, without reading the mounts.
  bool is_shm_device(dev_t device) {
    if (!shm_device_) {
      const auto shm = host::find_file("/dev/shm");
      shm_device_ = shm ? shm->device : 0;
    }
    return device == *shm_device_;
  }
  // Whether nobody asked for what is mounted below `path` yet.
  bool first_look_below(const std::string& path) { return looked_below_.insert(path).second; }

 private:
  std::set<std::string> looked_below_;
  std::optional<std::vector<host::Mount>> all_;
  std::optional<host::SharedFileSystems> shared_;
  std::optional<dev_t> shm_device_;
};

// One thing that comes into the container from outside.
struct Source {
  std::string what;  // in messages
  host::FileId id;
  std::function<std::string()> path;  // without links; asked for by few
};

// Adds it, unless it is there already (mounts can lie on top of one another) or enough of its kind are.
void add(std::vector<Exposure>& exposures, ExposureKind kind, const std::string& detail) {
  std::size_t same_kind = 0;
  for (const Exposure& one : exposures) {
    if (one.kind != kind) continue;
    if (one.detail == detail) return;
    ++same_kind;
  }
  if (same_kind < enough) exposures.push_back({kind, detail});
}

void add_shm(std::vector<Exposure>& exposures, const Source& source, HostMounts& mounts) {
  if (!mounts.is_shm_device(source.id.device)) return;
  const host::FileSystemPart part = host::part_of(source.id, source.path(), mounts.all());
  const host::FileSystemPart& shm = mounts.shared().shm;
  if (part.lies_in(shm))
    add(exposures, ExposureKind::host_shm, source.what + " is in the host's /dev/shm");
  else if (source.id.folder && mounts.shared().shm_is_mount && shm.lies_in(part))
    add(exposures, ExposureKind::host_shm_recursive, source.what + " has the host's /dev/shm in it");
}

// A namespace can be joined by its file, with CAP_SYS_ADMIN (setns(2)).
void add_namespace(std::vector<Exposure>& exposures, int fd, const std::string& what, const host::Kernel& kernel) {
  const auto ipc = host::ipc_namespace(fd);
  if (!ipc) return;
  const auto host = kernel.host_ipc();
  if (std::find(host.begin(), host.end(), *ipc) != host.end())
    add(exposures, ExposureKind::host_ipc, what + " is the host's IPC namespace");
  else
    add(exposures, ExposureKind::foreign_ipc, what + " is another container's IPC namespace");
}

// What comes in by mounts below a folder that is bound with all of them.
void add_mounts_below(std::vector<Exposure>& exposures, const Source& source, HostMounts& mounts) {
  const std::string path = source.path();
  if (!mounts.first_look_below(path)) return;
  for (const host::Mount& mount : mounts.all()) {
    if (mount.point == path || !host::lies_in(mount.point, path)) continue;
    const std::string what = source.what + " brings in " + host::quoted(mount.point) + ", which is mounted below it";
    if (host::FileSystemPart{mount.device, mount.root}.lies_in(mounts.shared().shm) || mount.type == "mqueue" ||
        host::ipc_namespace(mount))
      add(exposures, ExposureKind::host_shm_recursive, what);
    if (mount.type == "proc" && host::leads_to_processes(mount.root)) add(exposures, ExposureKind::host_proc, what);
  }
}

// What can be seen through an overlay that the source lies on.
void add_layers(std::vector<Exposure>& exposures, const Source& source, bool strict, HostMounts& mounts) {
  for (const host::Mount& mount : mounts.all()) {
    if (!host::lies_on(source.id, mount)) continue;
    try {
      for (const host::Layer& layer : host::layers_of(mount, mounts.all(), strict))
        if (mounts.is_shm_device(layer.id.device))
          add_shm(exposures,
                  {source.what + " is an overlay of " + host::quoted(layer.folder) + ", which", layer.id,
                   [&] { return host::without_links(layer.folder); }},
                  mounts);
    } catch (const Error& error) {
      throw Error(error.kind(), source.what + " is on " + error.what());
    }
  }
}

// The file at `path`, followed as the kernel would; nullopt if there is none, of which the runtime complains itself,
// and which the start gate sees should it come.
std::optional<host::Place> follow(const std::string& path, const std::string& name) {
  try {
    return host::follow(path, host::Links::all);
  } catch (const Error& error) {
    throw Error(error.kind(), name + ": the source " + error.what());
  }
}

// Our own root can be an overlay too: a node in a container, a live system.
bool is_on_our_root(const host::FileId& id) {
  const auto root = host::file_id(AT_FDCWD, "/");
  return !root || root->mount == id.mount;
}

void add_source(std::vector<Exposure>& exposures, const oci::MountSource& declared, const std::string& folder,
                bool thorough, const host::Kernel& kernel, HostMounts& mounts) {
  const bool relative = !declared.path.starts_with('/');
  // runc takes ".." off together with the name before it, where the kernel, and crun, follow that name if it is a link.
  if (relative && ("/" + declared.path + "/").find("/../") != std::string::npos)
    throw Error(ErrorKind::ambiguous_config, declared.name + ": the source " + host::quoted(declared.path) +
                                                 " is relative and has '..' in it; runtimes read that differently: "
                                                 "give an absolute path");
  const std::string path = relative ? folder + "/" + declared.path : declared.path;
  const auto place = follow(path, declared.name);
  if (!place) return;
  struct statfs where {};
  const auto id = host::file_id(place->fd.get(), "");
  if (!id || fstatfs(place->fd.get(), &where) != 0)
    throw Error(ErrorKind::unverifiable, declared.name + ": the source " + host::quoted(declared.path) +
                                             " cannot be examined: " + host::reason(errno));
  const Source source{declared.name + ": the source " + host::quoted(declared.path), *id, [&] {
                        try {
                          return place->path();
                        } catch (const Error& error) {
                          throw Error(error.kind(), declared.name + ": the source " + host::quoted(declared.path) +
                                                        ": " + error.what());
                        }
                      }};
  add_shm(exposures, source, mounts);
  if (where.f_type == NSFS_MAGIC) add_namespace(exposures, place->fd.get(), source.what, kernel);
  if (where.f_type == host::mqueue_magic)
    add(exposures, ExposureKind::host_mqueue, source.what + " is in a POSIX message queue file system of the host's");
  if (where.f_type == PROC_SUPER_MAGIC && id->folder &&
      host::leads_to_processes(host::part_of(*id, source.path(), mounts.all()).root))
    add(exposures, ExposureKind::host_proc, source.what + " is in the host's /proc");
  // What an engine makes for a root file system.
  if (declared.root && !thorough && where.f_type == overlay_magic && !is_on_our_root(*id)) return;
  if (where.f_type == overlay_magic) add_layers(exposures, source, !declared.root, mounts);
  if (declared.recursive && id->folder) add_mounts_below(exposures, source, mounts);
}

// Whether a namespace of that type that it declares, or does not, leaves the container in ours.
bool stays_in_ours(const std::optional<oci::Namespace>& declared, const std::string& type) {
  if (!declared) return true;
  if (!declared->path) return false;
  const auto joined = host::namespace_at(*declared->path);
  if (!joined) return errno != ENOENT;  // what cannot be told may be ours
  const auto own = host::own_namespace(type);
  return !own || joined == own;
}

}  // namespace

std::vector<Exposure> exposures_of_namespaces(const oci::Bundle& bundle, const std::string& folder,
                                              const std::optional<std::string>& root, host::Engine engine,
                                              const host::Kernel& kernel) {
  std::vector<Exposure> exposures;
  if (!bundle.ipc) {
    exposures.push_back({ExposureKind::host_ipc, "linux.namespaces has no ipc entry"});
  } else if (bundle.ipc->path) {
    const std::string path = "the ipc entry's path " + host::quoted(*bundle.ipc->path);
    const host::NamespaceId joined = kernel.ipc_at(*bundle.ipc->path);
    const auto host = kernel.host_ipc();
    if (std::find(host.begin(), host.end(), joined) != host.end())
      exposures.push_back({ExposureKind::host_ipc, path + " is the host's IPC namespace"});
    else if (!joins_own_pod({bundle.annotations, folder, *bundle.ipc->path, bundle.cgroups_path, root, engine}, joined,
                            kernel))
      exposures.push_back({ExposureKind::foreign_ipc, path + " is another container's IPC namespace"});
  }
  if (stays_in_ours(bundle.pid, "pid"))
    exposures.push_back({ExposureKind::host_proc, "linux.namespaces leaves it among the host's processes"});
  if (!bundle.mount || bundle.mount->path)
    exposures.push_back(
        {ExposureKind::host_shm_recursive, "linux.namespaces leaves it among mounts that are not its own"});
  return exposures;
}

std::vector<Exposure> exposures_of_mounts(const oci::Bundle& bundle, const std::string& folder, bool thorough,
                                          const host::Kernel& kernel) {
  std::vector<Exposure> exposures;
  HostMounts mounts;
  for (const oci::MountSource& source : bundle.sources) add_source(exposures, source, folder, thorough, kernel, mounts);
  return exposures;
}

std::vector<Exposure> exposures_of_descriptors(int more, const host::Kernel& kernel) {
  std::vector<Exposure> exposures;
  HostMounts mounts;
  for (int fd = 0; fd <= STDERR_FILENO + more; ++fd) {
    struct statfs where {};
    const auto id = host::file_id(fd, "");
    if (!id && errno == EBADF) continue;
    if (!id || fstatfs(fd, &where) != 0)
      throw Error(ErrorKind::unverifiable,
                  "the descriptor " + std::to_string(fd) + " cannot be examined: " + host::reason(errno));
    const Source source{"the descriptor " + std::to_string(fd) + " that it inherits", *id,
                        [fd] { return host::path_of(fd); }};
    add_shm(exposures, source, mounts);
    if (id->folder)  // from which any other of the host's can be reached
      add(exposures, ExposureKind::host_shm, source.what + " is the host's folder " + host::quoted(source.path()));
    if (where.f_type == host::mqueue_magic)
      add(exposures, ExposureKind::host_mqueue, source.what + " is a POSIX message queue of the host's");
    if (where.f_type == NSFS_MAGIC) add_namespace(exposures, fd, source.what, kernel);
  }
  return exposures;
}

// CRIU puts processes back into an IPC namespace only if they were dumped with one, whatever config.json says
// (criu/pstree.c, root_ns_mask), and then the dump has files of it, ipcns-var-ID.img among them.
std::vector<Exposure> exposures_of_checkpoint(const oci::Bundle& bundle, const std::string& folder,
                                              const std::string& image) {
  if (bundle.annotations.contains("org.criu.config"))
    throw Error(ErrorKind::ambiguous_config,
                "the annotation 'org.criu.config' names settings of CRIU's that may let what is restored join other "
                "namespaces");
  bool found = false;
  for (const std::string& place : {image, folder + "/" + image}) {
    std::error_code error;
    std::filesystem::directory_iterator file(place, error);
    if (error) continue;
    found = true;
    bool ipc = false;
    for (; !error && file != std::filesystem::directory_iterator(); file.increment(error))
      ipc = ipc || file->path().filename().string().starts_with("ipcns-var-");
    if (!ipc)
      return {
          {ExposureKind::host_ipc, "the checkpoint in " + host::quoted(place) + " has no IPC namespace of its own"}};
  }
  if (!found) throw Error(ErrorKind::unverifiable, "there is no checkpoint that can be read in " + host::quoted(image));
  return {};
}

}  // namespace shim
