#include <unistd.h>

#include <filesystem>
#include <optional>

#include "admin/doctor_checks.h"
#include "admin/doctor_engine.h"
#include "engines/containerd.h"
#include "engines/containerd_dump.h"
#include "engines/containerd_engine.h"
#include "engines/containerd_lookup.h"
#include "engines/files.h"
#include "host/error.h"
#include "host/text.h"
#include "host/trust.h"

namespace admin {

namespace {

constexpr const char* default_config = "/etc/containerd/config.toml";

std::string config_of(const engines::Process& process) {
  auto config = engines::last_flag(process.arguments, "config");
  if (!config) config = engines::last_flag(process.arguments, "c");
  return engines::absolute(config.value_or(default_config), process.folder);
}

// The program to ask: that of the process, unless an update has removed it, or somebody else may have put it there.
std::optional<engines::ContainerdEngine> program_of(const engines::Process& process, const std::string& config) {
  auto program = engines::containerd_engine(config);
  if (!process.program.starts_with('/') || access(process.program.c_str(), X_OK) != 0) return program;
  if (host::weakness_of(process.program))
    throw host::Error(host::ErrorKind::unverifiable,
                      host::quoted(process.program) + " is not run to ask it, since others than root can change it");
  if (!program) return engines::ContainerdEngine{process.program, 1};
  program->program = process.program;
  return program;
}

}  // namespace

void examine_containerd(Engine& engine) {
  const engines::Process& process = engine.process;
  const std::string config = config_of(process);
  const engines::ContainerdFiles files = engines::containerd_files(config);
  std::vector<std::string> paths;
  for (const engines::ContainerdFile& file : files) {
    paths.push_back(file.path);
    engine.diagnosis.examined.push_back(engine.subject + ": " + host::quoted(file.path));
  }
  check_files(paths, engine);

  const auto program = program_of(process, config);
  if (!program) {
    engine.add("not-installed", Severity::info, "its configuration is there, and no program to run by it",
               "nothing, or remove " + host::shell_word(config));
    return;
  }
  const std::string dump = engines::containerd_dump(*program, files);
  const engines::ContainerdLookup lookup = engines::containerd_lookup(dump);
  std::vector<std::string> folders = folders_of(lookup.path.empty() ? path_of(process) : lookup.path);
  folders.insert(folders.begin(), lookup.first);
  engine.lookups = {folders};
  check_raw_runtimes({lookup.first, std::filesystem::path(program->program).parent_path().string()}, Severity::critical,
                     engine.diagnosis);

  // What a client gets that names a type and no program, as ctr does, and Docker's io.containerd.runc.v2.
  judge_first("default-binary", {"runc"}, "built in", {}, engine);
  engines::Registrations runtimes = engines::containerd_runtimes(dump);
  // Without the CRI nothing else of the file matters; dockerd writes its containerd's anew whenever it starts.
  check_age(paths, runtimes.empty() ? Severity::info : Severity::critical, engine);
  for (engines::Registration& runtime : runtimes) {
    runtime.where = host::quoted(config);
    for (const engines::ContainerdFile& file : files)
      if (engines::has_containerd_runtime(file, runtime.name)) runtime.where = file.path;
    judge(runtime, engine);
  }
  for (const engines::Registration& runtime : engines::containerd_old_runtimes(dump)) judge(runtime, engine);
}

}  // namespace admin
