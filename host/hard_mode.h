// Hard mode: a copy of the shim stands where a runtime was, and the runtime is kept beside it (docs/hard-mode.md).
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

namespace host {

constexpr std::string_view kept_suffix = ".unguarded";

inline std::string kept_path(const std::string& path) { return path + std::string(kept_suffix); }

// A runtime that is kept beside the place of another program.
struct Kept {
  std::string path;
  std::string fault;  // why it must not be run, and how to mend that; empty if nothing
};

// What is kept beside `path`; nullopt if nothing.
std::optional<Kept> kept_beside(const std::string& path);

// Why a file must not be run as a runtime that was kept; empty if it may be.
std::string fault_of_kept(const struct stat& stat);

// Where `ipcguard harden` notes the paths that it has put this program at, one to a line.
constexpr const char* hardened_list = "/var/lib/ipcguard/hardened";

// Whether `path` is noted there; false where the list cannot be read.
bool is_hardened(const std::string& path);

// Where the program lies that this process runs, without links; by the way it was called
// where there is no /proc; empty if that cannot be told.
std::string own_path();

}  // namespace host
