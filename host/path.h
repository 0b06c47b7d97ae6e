// Following a path by hand, to see what the kernel does not say when it follows it: whether the way leads through a
// process's own files, which are another file for the runtime than for us.
#pragma once

#include <optional>
#include <string>

#include "host/fd.h"

namespace host {

// Where the kernel says that an open file is; empty if nowhere.
std::string path_of(int fd);

struct Place {
  // The object at the end, opened with O_PATH; empty if `own` is set.
  Fd fd;
  // Absolute, without links, "." and ".."; asked of the kernel where the way there was not walked by hand.
  // Throws Error (unverifiable) if that does not say.
  std::string path() const;
  std::string walked;
  // The way went through /proc/self or /proc/thread-self (proc(5)): what is left of the path after that, e.g. "ns/ipc".
  // Where it leads depends on who follows it.
  bool own = false;
  std::string own_rest;
};

enum class Links {
  // The one magic link that is followed is a process's namespace, /proc/PID/ns/NAME or /proc/PID/task/TID/ns/NAME; any
  // other (fd, cwd, root, exe) is refused, since it changes with the process it belongs to.
  namespaces,
  // Magic links are followed, /proc/self/root among them; of the follower's own fd, cwd, map_files and task, which are
  // others for the runtime, Error (ambiguous_config) is thrown. `own` is never set.
  all,
};

// Follows `path`, which must be absolute, as the kernel would, symbolic links included; nullopt if there is nothing.
// Throws Error (unverifiable or ambiguous_config).
std::optional<Place> follow(const std::string& path, Links links);

}  // namespace host
