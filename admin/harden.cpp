// Hard mode: the shim in the place of the runtimes themselves.
#include <exception>
#include <iostream>

#include "admin/commands.h"
#include "admin/installed.h"
#include "engines/hard_mode.h"

namespace admin {

int harden(const HardenOptions& options) {
  if (!options.dry_run) require_root();
  engines::HardMode mode(shim_or_installed(options.runtime, !options.remove), options.dry_run);
  const auto paths = options.paths.empty() ? mode.paths() : options.paths;
  if (paths.empty() && !options.remove) {
    std::cerr << "ipcguard: there is neither runc nor crun here: name the runtime\n";
    return 1;
  }
  int status = 0;
  bool changed = false;
  for (const std::string& path : paths) {
    try {
      for (const std::string& note : options.remove ? mode.take(path) : mode.put(path)) {
        std::cout << (options.dry_run ? "would have " : "") << note << "\n";
        changed = true;
      }
    } catch (const std::exception& error) {  // the others are another matter
      std::cerr << "ipcguard: " << error.what() << "\n";
      status = 1;
    }
  }
  if (!changed && status == 0) std::cout << "nothing to do\n";
  return status;
}

}  // namespace admin
