#include "shim/declared.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
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

constexpr decltype(statfs::f_type) mqueue_magic = 0x19800202;  // MQUEUE_MAGIC, ipc/mqueue.c

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
  // Whether `device` may be that of /dev/shm, without reading the mounts.
  bool may_be_shm(dev_t device) {
    if (!shm_device_) {
      struct stat stat {};
      shm_device_ = ::stat("/dev/shm", &stat) == 0 ? stat.st_dev : 0;
    }
    return device == *shm_device_;
  }

 private:
  std::optional<std::vector<host::Mount>> all_;
  std::optional<host::SharedFileSystems> shared_;
  std::optional<dev_t> shm_device_;
};

// What comes in by mounts below the folder `place`, which is bound with all of them.
void add_recursive(std::vector<Exposure>& exposures, const std::string& what, const std::string& place,
                   HostMounts& mounts) {
  bool shared = false, proc = false;  // one of each is enough
  for (const host::Mount& mount : mounts.all()) {
    if (mount.point == place || !host::lies_in(mount.point, place)) continue;
    const bool shm = mounts.shared().shm && mounts.shared().shm->meets({mount.device, mount.root});
    if ((shm || mount.type == "mqueue") && !std::exchange(shared, true))
      exposures.push_back({ExposureKind::host_shm_recursive,
                           what + " brings in " + host::quoted(mount.point) + ", which is mounted below it"});
    if (mount.type == "proc" && host::leads_to_processes(mount.root) && !std::exchange(proc, true))
      exposures.push_back({ExposureKind::host_proc, what + " brings in the host's " + host::quoted(mount.point) +
                                                        ", which is mounted below it"});
  }
}

void add_source(std::vector<Exposure>& exposures, const oci::MountSource& source, const std::string& folder,
                HostMounts& mounts) {
  const std::string path = source.path.starts_with('/') ? source.path : folder + "/" + source.path;
  struct stat stat {};
  if (::stat(path.c_str(), &stat) != 0 && errno == ENOENT)
    return;  // the runtime says so, or the start gate sees what came
  const std::string what = source.name + ": the source " + host::quoted(source.path);
  host::Place place;
  struct statfs where {};
  try {
    place = host::follow(path, host::Links::all);
  } catch (const Error& error) {
    throw Error(error.kind(), source.name + ": the source " + error.what());
  }
  if (fstat(place.fd.get(), &stat) != 0 || fstatfs(place.fd.get(), &where) != 0)
    throw Error(ErrorKind::unverifiable, what + " cannot be examined: " + host::reason(errno));

  if (mounts.may_be_shm(stat.st_dev) && mounts.shared().shm &&
      mounts.shared().shm->meets(host::part_at(place.path, mounts.all())))
    exposures.push_back({ExposureKind::host_shm, what + " is in the host's /dev/shm"});
  if (where.f_type == mqueue_magic)
    exposures.push_back({ExposureKind::host_mqueue, what + " is in a POSIX message queue file system of the host's"});
  if (!S_ISDIR(stat.st_mode)) return;
  if (where.f_type == PROC_SUPER_MAGIC && host::leads_to_processes(host::part_at(place.path, mounts.all()).root))
    exposures.push_back({ExposureKind::host_proc, what + " is in the host's /proc"});
  if (source.recursive) add_recursive(exposures, what, place.path, mounts);
}

// Whether the namespace file `path` is the one that we are in; `own` is ours.
bool is_own(const std::string& path, const char* own) {
  struct stat theirs {
  }, ours{};
  return stat(path.c_str(), &theirs) == 0 && stat(own, &ours) == 0 && theirs.st_dev == ours.st_dev &&
         theirs.st_ino == ours.st_ino;
}

// Whether a namespace that it declares, or does not, leaves the container in ours.
bool stays_in(const std::optional<oci::Namespace>& declared, const char* own) {
  return !declared || (declared->path && is_own(*declared->path, own));
}

}  // namespace

std::vector<Exposure> exposures_of_namespaces(const oci::Bundle& bundle, const std::optional<std::string>& root,
                                              host::Engine engine, const host::Kernel& kernel) {
  std::vector<Exposure> exposures;
  if (!bundle.ipc) {
    exposures.push_back({ExposureKind::host_ipc, "linux.namespaces has no ipc entry"});
  } else if (bundle.ipc->path) {
    const std::string path = "the ipc entry's path " + host::quoted(*bundle.ipc->path);
    const host::NamespaceId joined = kernel.ipc_at(*bundle.ipc->path);
    const auto host = kernel.host_ipc();
    if (std::find(host.begin(), host.end(), joined) != host.end())
      exposures.push_back({ExposureKind::host_ipc, path + " is the host's IPC namespace"});
    else if (!joins_own_sandbox(bundle.annotations, joined, root, engine, kernel))
      exposures.push_back({ExposureKind::foreign_ipc, path + " is another container's IPC namespace"});
  }
  if (stays_in(bundle.pid, "/proc/self/ns/pid"))
    exposures.push_back({ExposureKind::host_proc, "linux.namespaces leaves it among the host's processes"});
  if (stays_in(bundle.mount, "/proc/self/ns/mnt"))
    exposures.push_back({ExposureKind::host_shm_recursive, "linux.namespaces leaves it among the host's mounts"});
  return exposures;
}

std::vector<Exposure> exposures_of_mounts(const oci::Bundle& bundle, const std::string& folder) {
  std::vector<Exposure> exposures;
  HostMounts mounts;
  for (const oci::MountSource& source : bundle.sources) add_source(exposures, source, folder, mounts);
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
    std::filesystem::directory_iterator files(place, error);
    if (error) continue;
    found = true;
    const bool ipc = std::any_of(begin(files), end(files), [](const auto& file) {
      return file.path().filename().string().starts_with("ipcns-var-");
    });
    if (!ipc)
      return {
          {ExposureKind::host_ipc, "the checkpoint in " + host::quoted(place) + " has no IPC namespace of its own"}};
  }
  if (!found) throw Error(ErrorKind::unverifiable, "there is no checkpoint that can be read in " + host::quoted(image));
  return {};
}

}  // namespace shim
