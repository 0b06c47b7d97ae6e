// Mounts as the kernel lists them, and which of them are the host's shared memory (proc_pid_mountinfo(5)).
#pragma once

#include <sys/types.h>
#include <sys/vfs.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace host {

struct Mount {
  int id = 0, parent = 0;
  dev_t device = 0;
  std::string root;     // the part of the file system that is mounted: "/", or a folder or file in it
  std::string point;    // where, seen from the root of whoever the list is of
  std::string type;     // of the file system
  std::string options;  // of the file system, escaped as in the list of mounts
};

// The mounts in the text of a mountinfo file. Throws Error (unverifiable) if it cannot be understood.
std::vector<Mount> parse_mounts(const std::string& text);

// Those of the process whose /proc folder is open as `process` (AT_FDCWD: our own). Throws Error (unverifiable).
std::vector<Mount> mounts_of(int process);

// A part of a file system, "/" being all of it.
struct FileSystemPart {
  dev_t device = 0;
  std::string root;

  bool lies_in(const FileSystemPart& other) const;
};

// What a file is and on which mount, by statx(2).
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  bool folder = false;
  std::optional<int> mount;  // its Mount::id, where the kernel tells it
  bool regular = false;      // a file with contents, as queues are too
};

// Of `name` in `folder`, links followed; of `folder` itself if `name` is empty. nullopt, with errno, if it cannot be
// told.
std::optional<FileId> file_id(int folder, const std::string& name);

// Of what is at `path`; nullopt if nothing is there. Throws Error (unverifiable) where that cannot be told.
std::optional<FileId> find_file(const std::string& path);

// Whether the file is on `mount`; where the kernel does not tell the file's, whether it is of the same file system.
bool lies_on(const FileId& id, const Mount& mount);

// statfs::f_type of a POSIX message queue file system: MQUEUE_MAGIC, ipc/mqueue.c.
constexpr decltype(statfs::f_type) mqueue_magic = 0x19800202;

// The host's file systems through which processes share memory or messages.
struct SharedFileSystems {
  FileSystemPart shm;          // the host's /dev/shm, be it a mount of its own or a folder; device 0 if there is none
  bool shm_is_mount = false;   // if not, what lies above it is only a folder like any other
  std::string shm_point;       // where that is, without links
  std::vector<dev_t> mqueues;  // POSIX message queue file systems of the host's
  std::vector<dev_t> procs;    // proc file systems of the host's
};

// Our own, from our own mounts. `with_hidden`: also the message queues of our IPC namespace where nobody mounted them.
// Throws Error (unverifiable).
SharedFileSystems shared_file_systems(const std::vector<Mount>& own, bool with_hidden);

// The part of its file system that the file `id` at `path`, absolute and without links, is; `mounts` are those it is
// seen with. Throws Error (unverifiable) if `path` is empty.
FileSystemPart part_of(const FileId& id, const std::string& path, const std::vector<Mount>& mounts);

// Whether `mount`, one of `mounts`, came in with the folder that it is mounted below on the host too, rather than by
// itself: it hangs from a mount of the same file system at the same place as one of `own`.
bool came_with_parent(const Mount& mount, const std::vector<Mount>& mounts, const std::vector<Mount>& own);

// The folders in options of overlay, e.g. "rw,lowerdir=/a:/b,upperdir=/c" (kernel, overlayfs.rst): what they hold can
// be seen through the overlay. Commas divide options and colons folders where no backslash stands before them.
std::vector<std::string> overlay_folders(std::string_view options);
// Those of a mount, as it was told them; none if it is no overlay.
std::vector<std::string> overlay_folders(const Mount& mount);

// A folder that an overlay shows, now: the kernel tells only the name by which it was mounted.
struct Layer {
  std::string folder;
  FileId id;
};

// Those of an overlay, and of overlays among them; `mounts` are ours. Names that lead nowhere are left out and relative
// ones count from the root, unless it is `strict`: then they are an Error (unverifiable), whose message goes on from
// what the mount is. Throws Error (unverifiable) too where they cannot be followed.
std::vector<Layer> layers_of(const Mount& overlay, const std::vector<Mount>& mounts, bool strict);

// Whether `path` is `folder` or lies in it; both absolute and without links.
bool lies_in(const std::string& path, const std::string& folder);

// Whether a folder of a proc file system, at `root` in it, leads to processes: the top, or one process's.
bool leads_to_processes(const std::string& root);

}  // namespace host
