// Reading an engine's files, and replacing them in one step.
#pragma once

#include <string>
#include <vector>

#include "engines/plan.h"
#include "host/fd.h"

namespace engines {

// The bytes of a file, links followed; none if there is none. Throws Error (invalid_config) if it cannot be read, is no
// regular file, or is larger than 16 MiB.
Text read_text(const std::string& path);

// The file that `path` leads to once links are followed; what does not exist yet is taken as it stands.
std::string resolved(const std::string& path);

// Puts `text` into the file `path`, which is no link, in one step, with owner, mode and extended attributes of the one
// that it replaces, or root's and 0644. Whatever happens, what is there is the old file or the new one, on disk too.
// Throws Error.
void replace_file(const std::string& path, const std::string& text);

// Removes it and syncs its folder; fine if there is none. Throws Error.
void remove_file(const std::string& path);

// Has the names in the folder on disk. Throws Error.
void sync_folder(const std::string& path);

// Makes the folder, 0755, and those above that are missing. Throws Error.
void make_folders(const std::string& path);

// Those that `make_folders` would make, the topmost first.
std::vector<std::string> missing_folders(const std::string& path);

// A file without a place, for other programs to read while this is held.
class MemoryFile {
 public:
  // Throws Error (unverifiable).
  explicit MemoryFile(const std::string& text);
  std::string path() const;

 private:
  host::Fd fd_;
};

// "3a7b…", of SHA-256.
std::string sha256(const std::string& text);

}  // namespace engines
