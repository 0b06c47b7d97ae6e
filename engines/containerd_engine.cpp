#include "engines/containerd_engine.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engines/containerd.h"
#include "engines/containerd_generated.h"
#include "engines/daemon.h"
#include "engines/program.h"
#include "host/error.h"
#include "host/file.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr const char* default_config = "/etc/containerd/config.toml";

struct Running {
  std::string program, config;
};

// PID (COMM) STATE PPID: proc_pid_stat(5).
bool is_dockerds(pid_t pid) {
  const std::string stat = host::kernel_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || stat.size() < name_end + 5) return false;
  return host::kernel_file("/proc/" + std::to_string(std::strtol(stat.c_str() + name_end + 4, nullptr, 10)) +
                           "/comm") == "dockerd\n";
}

// Every containerd that sees the same files as we do, but for the one that dockerd keeps for itself.
std::vector<Running> running() {
  std::vector<Running> found;
  for (const Daemon& daemon : Daemon::find_all("containerd")) {
    auto config = daemon.path_option("--config");
    if (!config) config = daemon.path_option("-c");
    if (is_dockerds(daemon.pid()) || (config && config->find("/docker/containerd/") != std::string::npos)) continue;
    std::error_code error;
    auto program = std::filesystem::read_symlink("/proc/" + std::to_string(daemon.pid()) + "/exe", error);
    program.replace_filename("containerd");  // k3s: one program with many names
    found.push_back({program.string(), config.value_or(default_config)});
  }
  return found;
}

}  // namespace

std::string containerd_config(const std::string& root) {
  std::string generated;
  if (root.empty())
    for (const Running& one : running()) {
      if (!is_generated({one.config, {}})) return one.config;
      generated = one.config;
    }
  if (!generated.empty()) return generated;
  if (access((root + default_config).c_str(), F_OK) != 0)
    if (std::string config = generated_containerd_config(root); !config.empty()) return config;
  return default_config;
}

std::optional<ContainerdEngine> containerd_engine(const std::string& config) {
  ContainerdEngine engine;
  for (const Running& one : running())
    if (one.config == config && access(one.program.c_str(), X_OK) == 0) engine.program = one.program;
  if (engine.program.empty()) engine.program = program_on_path("containerd");
  if (engine.program.empty()) return std::nullopt;
  // "containerd github.com/containerd/containerd 1.6.20~ds1 …"
  const std::string said = run({engine.program, "--version"}, false).output;
  std::size_t at = said.find(' ', said.find(' ') + 1);
  while (at < said.size() && (said[at] == ' ' || said[at] == 'v')) ++at;
  engine.major = at < said.size() ? static_cast<int>(std::strtol(said.c_str() + at, nullptr, 10)) : 0;
  if (engine.major < 1)
    throw host::Error(host::ErrorKind::unverifiable,
                      engine.program + " does not tell its version: " + host::quoted(said, 100));
  return engine;
}

}  // namespace engines
