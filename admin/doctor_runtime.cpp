#include "admin/doctor_runtime.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

#include "engines/nvidia.h"
#include "host/engine.h"
#include "host/error.h"
#include "host/hard_mode.h"
#include "host/shim_note.h"
#include "host/text.h"
#include "host/trust.h"

namespace admin {

namespace {

bool can_be_run(const std::string& path) {
  struct stat stat {};
  return ::stat(path.c_str(), &stat) == 0 && S_ISREG(stat.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::string looked_up(const std::string& name, const std::vector<std::string>& folders) {
  if (name.find('/') != std::string::npos) return can_be_run(name) ? name : std::string();
  for (const std::string& folder : folders)
    if (const std::string path = folder + "/" + name; can_be_run(path)) return path;
  return {};
}

// The wrapper in front of the first of its runtimes that there is.
void look_behind_nvidia(const std::vector<std::string>& folders, RuntimeProgram& program) {
  try {
    for (const std::string& name : engines::nvidia_low_level()) {
      const std::string path = looked_up(name, folders);
      if (path.empty()) continue;
      program.guarded = host::is_shim(path);
      program.seen = "nvidia-container-runtime, which becomes " + host::quoted(path) + ": that is " +
                     (program.guarded ? "" : "not ") + "ipcguard-runtime";
      return;
    }
    program.seen = "nvidia-container-runtime, which finds no runtime";
    program.guarded = true;  // nothing can be run through it
  } catch (const host::Error& error) {
    program.seen = std::string("nvidia-container-runtime, and what it becomes cannot be told: ") + error.what();
  }
}

}  // namespace

RuntimeProgram runtime_program(const std::string& name, const std::vector<std::string>& folders) {
  RuntimeProgram program;
  program.path = looked_up(name, folders);
  program.found = !program.path.empty();
  if (!program.found) {
    program.seen = host::quoted(name) + " does not exist, or cannot be run";
    return program;
  }
  program.shim = program.guarded = host::is_shim(program.path);
  program.seen = program.shim ? "it is ipcguard-runtime" : "it is not ipcguard-runtime";
  if (!program.shim && engines::is_nvidia_runtime(program.path)) look_behind_nvidia(folders, program);
  return program;
}

std::string remedy_for_program(const std::string& path) {
  constexpr std::array<std::string_view, 4> folders = {"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"};
  const std::string target = host::without_links(path);
  if (target.ends_with(host::kept_suffix)) return "take " + host::shell_word(target) + " out of what names it";
  const std::filesystem::path file(target);
  const std::string name = file.filename().string();
  const bool by_itself = (name == "runc" || name == "crun") &&
                         std::find(folders.begin(), folders.end(), file.parent_path().string()) != folders.end();
  return by_itself ? "ipcguard harden"
                   : "remove it if nothing needs it, or: ipcguard harden " + host::shell_word(target);
}

}  // namespace admin
