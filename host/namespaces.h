// IPC namespaces as the kernel knows them: by the device and inode of their file (namespaces(7)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/mounts.h"

namespace host {

struct NamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NamespaceId&) const = default;
};

// The namespace whose file is at `path`, by what stat(2) says; nullopt, with errno, if there is none.
std::optional<NamespaceId> namespace_at(const std::string& path);
// The IPC namespace whose file is open as `fd` (O_PATH will do); nullopt if it is another file. Throws Error
// (unverifiable).
std::optional<NamespaceId> ipc_namespace(int fd);
// The one that a mount shows, a bind of such a file; nullopt if it is another mount.
std::optional<NamespaceId> ipc_namespace(const Mount& mount);
// Ours of `type` ("ipc", "pid", "mnt"); nullopt as above.
std::optional<NamespaceId> own_namespace(const std::string& type);

// What the gates ask the kernel about namespaces and processes. Tests put their own answers in its place.
class Kernel {
 public:
  virtual ~Kernel() = default;

  // The IPC namespaces that are the host's: ours, the initial one, and pid 1's where it can be read.
  virtual std::vector<NamespaceId> host_ipc() const = 0;

  // The IPC namespace that a runtime we exec will find at `path`. Throws Error if that cannot be told: unverifiable,
  // ambiguous_config where the runtime may find another, invalid_config if there is no IPC namespace.
  virtual NamespaceId ipc_at(const std::string& path) const = 0;

  // The IPC namespace of process `pid`, which must have been started at `start_time` (clock ticks after boot, field 22
  // of proc_pid_stat(5)); throws Error (unverifiable) if it is gone, another, or unreadable.
  virtual NamespaceId ipc_of(pid_t pid, std::uint64_t start_time) const = 0;

  // /proc/PID/cgroup (cgroups(7)); empty if there is no such process.
  virtual std::string cgroup_of(pid_t pid) const = 0;
};

// The real one.
const Kernel& kernel();

}  // namespace host
