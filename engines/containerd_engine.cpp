#include "engines/containerd_engine.h"

#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engines/containerd.h"
#include "engines/containerd_generated.h"
#include "engines/program.h"
#include "host/error.h"
#include "host/file.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr const char* default_config = "/etc/containerd/config.toml";

std::string link_of(const std::string& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

struct Running {
  std::string program, config;
};

// The value of --config, in each form that containerd's command line takes.
std::string config_of(const std::string& command_line) {
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at < command_line.size(); at += arguments.back().size() + 1)
    arguments.push_back(command_line.substr(at, command_line.find('\0', at) - at));
  for (std::size_t i = 1; i < arguments.size(); ++i)
    for (const std::string option : {"--config", "-config", "--c", "-c"}) {
      if (arguments[i] == option && i + 1 < arguments.size()) return arguments[i + 1];
      if (arguments[i].starts_with(option + "=")) return arguments[i].substr(option.size() + 1);
    }
  return default_config;
}

// Every containerd that sees the same files as we do, but for the ones that dockerd keeps for itself.
std::vector<Running> running() {
  std::vector<Running> found;
  const std::string here = link_of("/proc/self/ns/mnt");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string process = entry.path().string();
    if (host::kernel_file(process + "/comm") != "containerd\n" || link_of(process + "/ns/mnt") != here) continue;
    const std::string stat = host::kernel_file(process + "/stat");
    const std::size_t name_end = stat.rfind(')');  // PID (COMM) STATE PPID: proc_pid_stat(5)
    if (name_end == std::string::npos || name_end + 4 >= stat.size()) continue;
    const std::string parent = std::to_string(std::atoi(stat.c_str() + name_end + 4));
    if (host::kernel_file("/proc/" + parent + "/comm") == "dockerd\n") continue;
    const Running one{link_of(process + "/exe"), config_of(host::kernel_file(process + "/cmdline"))};
    if (one.config.starts_with('/') && one.config.find("/docker/containerd/") == std::string::npos)
      found.push_back(one);
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
  engine.major = at < said.size() ? std::atoi(said.c_str() + at) : 0;
  if (engine.major < 1)
    throw host::Error(host::ErrorKind::unverifiable,
                      engine.program + " does not tell its version: " + host::quoted(said, 100));
  return engine;
}

}  // namespace engines
