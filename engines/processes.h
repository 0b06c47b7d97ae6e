// Engines that run on this host, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engines {

enum class Kind { docker, containerd, crio, podman, buildkit };
std::string_view name_of(Kind kind);

struct Process {
  Kind kind = Kind::docker;
  pid_t pid = -1;                       // -1: it does not run, `unit` would start it
  std::string unit;                     // the file that says how; empty if it runs, or nothing says so
  std::vector<std::string> unit_files;  // it, its drop-ins and files of environment variables
  uid_t uid = 0;                        // the effective one; 0 as well where it has root's privileges on this host
  std::string program;                  // what it was started from, as it sees it; " (deleted)" is cut off
  std::string folder;                   // that it works in
  std::vector<std::string> arguments;   // the first is its name
  std::map<std::string, std::string> environment;
  bool readable = true;      // false: its environment could not be read
  std::int64_t started = 0;  // nanoseconds since the epoch, to a tick of the clock (10 ms)
  bool contained = false;    // it has neither the host's IPC namespace nor the host's /dev/shm
};

struct Processes {
  std::vector<Process> engines;   // by pid
  std::vector<pid_t> unreadable;  // processes of which only the name can be told
};

// Those in `proc`, a folder like /proc. Throws host::Error (unverifiable) if it cannot be read.
Processes engine_processes(const std::string& proc = "/proc");

// Whether a command line of that engine's program starts an engine: podman is one where it serves its API, else it is
// somebody's command.
bool starts_engine(Kind kind, const std::vector<std::string>& arguments);

// Which engine a program or process of that name is; nullopt if none: "dockerd", "docker-containerd", "containerd-1.7",
// but neither "containerd-shim-runc-v2" nor "cri-dockerd".
std::optional<Kind> kind_of(std::string_view name);

// The values of an option, in all the forms that Go's flag packages take: --name VALUE, --name=VALUE, the same with one
// dash and, for dockerd's capital letters, -HVALUE. An option without a value counts as empty.
std::vector<std::string> flag_values(const std::vector<std::string>& arguments, std::string_view name);

// The last of them, which is the one that holds; nullopt if there is none.
std::optional<std::string> last_flag(const std::vector<std::string>& arguments, std::string_view name);

// `path` if it is absolute, else in `folder`.
std::string absolute(const std::string& path, const std::string& folder);

}  // namespace engines
