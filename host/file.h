// Reading a file once, without being led astray by what it is or whose it is.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>

#include "host/error.h"
#include "host/fd.h"

namespace host {

// Who may own a file, and who may write to it.
enum class Owner {
  root,            // policy: root alone owns it, no group or other may write
  root_or_caller,  // a bundle: root or whoever runs us owns it, nobody else may write
};

struct Bytes {
  std::string text;
  struct stat stat {};  // of the very file that was read
};

struct FileRules {
  Owner owner;
  std::size_t limit;  // bytes
  ErrorKind kind;     // what an error is, to whoever wanted the file
};

// Reads the regular file `path`, relative to `folder` (AT_FDCWD allowed), whole; nullopt if there is none. Throws Error
// with `name`, which is how the file is called in messages, if it cannot be opened, is no regular file, is not owned as
// it should be, is too large or changes while it is read.
std::optional<Bytes> read_file(int folder, const std::string& path, const FileRules& rules, const std::string& name);

// The beginning of a file of the kernel's in /proc, at most 4 KiB; empty where there is none.
std::string kernel_file(const std::string& path);

// Whether root owns it, as seen from this user namespace: in one where host root has no number (rootless Podman), its
// files show the overflow uid (user_namespaces(7)).
bool owned_by_root(const struct stat& stat);

// Whether nobody but root can change what `path`, an absolute path without links, names: every folder on the way is
// root's, and writable by others only where the sticky bit keeps them from replacing what is in it (as in /tmp); the
// last one not even so.
bool only_root_can_change(const std::string& path);

// Opens /dev/null at those of 0, 1 and 2 that are closed, so that no file of ours lands there and takes what is meant
// for standard error. The runtime does not see them: they close on exec.
void fill_standard_descriptors();

}  // namespace host
