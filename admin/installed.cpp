#include "admin/installed.h"

#include <unistd.h>

#include <filesystem>

#include "host/error.h"
#include "host/hard_mode.h"
#include "host/shim_note.h"
#include "host/text.h"

namespace admin {

std::string shim_or_installed(const std::string& path, bool must_exist) {
  std::error_code error;
  std::string shim = path;
  if (shim.empty()) shim = std::filesystem::path(host::own_path()).replace_filename("ipcguard-runtime").string();
  const bool is_program = std::filesystem::is_regular_file(shim, error) && access(shim.c_str(), X_OK) == 0;
  if (must_exist && !is_program)
    throw host::Error(host::ErrorKind::invalid_config, "there is no program at " + host::quoted(shim) +
                                                           "; say where ipcguard-runtime is with --runtime");
  // In a runtime's place anything else would be taken for a new runtime, and the kept one removed.
  if (must_exist && !host::is_shim(shim))
    throw host::Error(host::ErrorKind::invalid_config,
                      host::quoted(shim) + " is not ipcguard-runtime; say where that is with --runtime");
  return shim;
}

void require_root() {
  if (geteuid() != 0) throw host::Error(host::ErrorKind::unverifiable, "this is for root: run it with sudo");
}

}  // namespace admin
