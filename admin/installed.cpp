#include "admin/installed.h"

#include <unistd.h>

#include <filesystem>

#include "host/error.h"
#include "host/hard_mode.h"
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
  return shim;
}

}  // namespace admin
