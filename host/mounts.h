// Mounts as the kernel lists them, and which of them are the host's shared memory (proc_pid_mountinfo(5)).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace host {

struct Mount {
  int id = 0, parent = 0;
  dev_t device = 0;
  std::string root;   // the part of the file system that is mounted: "/", or a folder or file in it
  std::string point;  // where, seen from the root of whoever the list is of
  std::string type;   // of the file system
};

// The mounts in the text of a mountinfo file; lines that cannot be understood are left out.
std::vector<Mount> parse_mounts(const std::string& text);

// Those of the process whose /proc folder is open as `process` (AT_FDCWD: our own). Throws Error (unverifiable).
std::vector<Mount> mounts_of(int process);

// A part of a file system, "/" being all of it.
struct FileSystemPart {
  dev_t device = 0;
  std::string root;

  // Whether the two have a file in common: one lies in the other.
  bool meets(const FileSystemPart& other) const;
};

// The host's file systems through which processes share memory or messages.
struct SharedFileSystems {
  std::optional<FileSystemPart> shm;  // what is mounted on /dev/shm; none where that is no mount of its own
  std::string shm_point;              // where that is, without links
  dev_t shm_parent = 0;               // device of the mount that /dev/shm is mounted on
  std::vector<dev_t> mqueues;         // POSIX message queue file systems of the host's
  std::vector<dev_t> procs;           // proc file systems of the host's
};

// Our own, from our own mounts. `with_hidden`: also the message queues of our IPC namespace where nobody mounted them.
SharedFileSystems shared_file_systems(const std::vector<Mount>& own, bool with_hidden);

// The mount of `own` that `path`, absolute and without links, lies on, and what part of its file system that is.
FileSystemPart part_at(const std::string& path, const std::vector<Mount>& own);

// Whether `path` is `folder` or lies in it; both absolute and without links.
bool lies_in(const std::string& path, const std::string& folder);

// Whether a folder of a proc file system, at `root` in it, leads to processes: the top, or one process's.
bool leads_to_processes(const std::string& root);

}  // namespace host
