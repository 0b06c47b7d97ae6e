#include "host/namespaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "host/error.h"
#include "host/fd.h"
#include "host/file.h"
#include "host/path.h"
#include "host/process.h"
#include "host/text.h"

namespace host {

namespace {

// PROC_IPC_INIT_INO, the inode of the initial IPC namespace in every kernel (include/linux/proc_ns.h).
constexpr ino_t initial_ipc_inode = 4026531839;

NamespaceId own_ipc() {
  if (const auto id = own_namespace("ipc")) return *id;
  throw Error(ErrorKind::unverifiable,
              "the host's own IPC namespace cannot be told, /proc/self/ns/ipc: " + reason(errno));
}

class RealKernel final : public Kernel {
 public:
  std::vector<NamespaceId> host_ipc() const override {
    const NamespaceId own = own_ipc();
    std::vector<NamespaceId> ids{own, {own.device, initial_ipc_inode}};
    if (const auto init = namespace_at("/proc/1/ns/ipc"))
      ids.push_back(*init);  // unreadable in some sandboxes, even to root
    return ids;
  }

  NamespaceId ipc_at(const std::string& path) const override {
    const auto fail = [&](ErrorKind kind, const std::string& why) {
      return Error(kind, "the ipc namespace's path " + quoted(path) + ": " + why);
    };
    // runc hands paths to its init in a list that commas divide (libcontainer, bootstrapData).
    if (path.find(',') != std::string::npos)
      throw fail(ErrorKind::ambiguous_config, "runtimes differ on the comma in it");
    std::optional<Place> found;
    try {
      found = follow(path, Links::namespaces);
    } catch (const Error& error) {
      throw Error(error.kind(), "the ipc namespace's path " + std::string(error.what()));
    }
    if (!found) throw fail(ErrorKind::unverifiable, "it cannot be opened: " + reason(ENOENT));
    const Place& place = *found;
    if (place.own) {
      // The runtime opens it before it leaves the namespaces it was started in, which are ours.
      if (place.own_rest == "ns/ipc") return own_ipc();
      throw fail(ErrorKind::ambiguous_config,
                 "it leads through a process's own files, which are others for the runtime: name the file itself");
    }
    std::optional<NamespaceId> ipc;
    try {
      ipc = ipc_namespace(place.fd.get());
    } catch (const Error& error) {
      throw fail(error.kind(), error.what());
    }
    if (!ipc) throw fail(ErrorKind::invalid_config, "it is not an IPC namespace");
    return *ipc;
  }

  NamespaceId ipc_of(pid_t pid, std::uint64_t start_time) const override {
    const auto process = Process::find(pid, start_time);
    if (process) return process->namespace_id("ipc");
    throw Error(ErrorKind::unverifiable, "process " + std::to_string(pid) +
                                             " of the runtime's state is gone, or its number is another process's now");
  }

  std::string cgroup_of(pid_t pid) const override { return kernel_file("/proc/" + std::to_string(pid) + "/cgroup"); }
};

}  // namespace

std::optional<NamespaceId> namespace_at(const std::string& path) {
  struct stat stat {};
  if (::stat(path.c_str(), &stat) != 0) return std::nullopt;
  return NamespaceId{stat.st_dev, stat.st_ino};
}

std::optional<NamespaceId> ipc_namespace(int fd) {
  const auto fail = [] {
    return Error(ErrorKind::unverifiable, "whether it is an IPC namespace cannot be told: " + reason(errno));
  };
  struct statfs where {};
  struct stat stat {};
  if (fstatfs(fd, &where) != 0 || fstat(fd, &stat) != 0) throw fail();
  if (where.f_type != NSFS_MAGIC) return std::nullopt;
  // The ioctl needs a file that is really open; to open a namespace has no side effect.
  const Fd open_again(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC));
  const int type = open_again ? ioctl(open_again.get(), NS_GET_NSTYPE) : -1;
  if (type < 0) throw fail();
  if (type != CLONE_NEWIPC) return std::nullopt;
  return NamespaceId{stat.st_dev, stat.st_ino};
}

std::optional<NamespaceId> ipc_namespace(const Mount& mount) {
  constexpr std::string_view name = "ipc:[";  // then the inode (nsfs_show_path, fs/nsfs.c)
  if (mount.type != "nsfs" || !mount.root.starts_with(name)) return std::nullopt;
  return NamespaceId{mount.device, std::strtoull(mount.root.c_str() + name.size(), nullptr, 10)};
}

std::optional<NamespaceId> own_namespace(const std::string& type) { return namespace_at("/proc/self/ns/" + type); }

const Kernel& kernel() {
  static const RealKernel real;
  return real;
}

}  // namespace host
