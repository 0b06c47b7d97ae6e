// Hard mode (docs/hard-mode.md): the shim takes the place of a runtime, which is kept beside it and so is run by nobody
// who does not mean to. At every moment either the runtime is in its place, or the shim is and the runtime beside it.
#pragma once

#include <string>
#include <vector>

#include "engines/plan.h"
#include "host/fd.h"

namespace engines {

// Whether dpkg would put the next version of a hardened runtime in the place of the shim at `path`.
bool upgrade_undoes(const std::string& path);

class HardMode {
 public:
  // `shim` is the program that copies are made of. With `dry_run` nothing is changed, and the notes tell what would be.
  // Others are kept from hardening until the end of this object. Throws Error.
  HardMode(std::string shim, bool dry_run);

  // Hardened paths as they are recorded, and those of runc and crun on this host; without links, each once.
  std::vector<std::string> paths() const;

  // Puts the shim at `path`, or a new copy of it there, and takes a runtime that has come to be there for the one to
  // keep. What broke off earlier is repaired. Throws Error; a runtime, guarded or not, is at `path` then as before.
  Notes put(const std::string& path);
  // Puts the runtime back, the very file, and nothing of ours stays. Nothing happens to a path that is not hardened.
  Notes take(const std::string& path);

 private:
  template <class Action>
  void step(const std::string& note, const Action& action);
  void remember(const std::string& path, bool hardened);

  std::string shim_, list_;
  bool dry_run_;
  host::Fd lock_;
  std::vector<std::string> recorded_;
  Notes notes_;
};

}  // namespace engines
