// What a program is that an engine would call as its runtime.
#pragma once

#include <string>
#include <vector>

namespace admin {

struct RuntimeProgram {
  std::string path;      // where it was found; empty if it was not
  bool found = false;    // it can be run
  bool guarded = false;  // it is the shim, or a wrapper that is known to call the shim and nothing else
  bool shim = false;     // it is the shim itself
  std::string seen;      // in words, for evidence: "it is not ipcguard-runtime"
};

// Of `name`: a path, or a name that is looked up in `folders`, as Go's exec.LookPath does.
RuntimeProgram runtime_program(const std::string& name, const std::vector<std::string>& folders);

// What puts the shim in front of the program at `path`.
std::string remedy_for_program(const std::string& path);

}  // namespace admin
