// The dockerd that runs here.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/fd.h"

namespace engines {

// Of the programs' arguments after its name, the values of `--NAME VALUE` and `--NAME=VALUE`.
std::vector<std::string> option_values(const std::vector<std::string>& arguments, const std::string& name);

class Dockerd {
 public:
  // Root's dockerds that see our files: those in our mount namespace, and the one in /run/docker.pid.
  static std::vector<Dockerd> find_all();

  pid_t pid() const { return pid_; }
  const std::vector<std::string>& arguments() const { return arguments_; }
  std::string config() const;  // the file that it reads, absolute

  // What it goes by now; none if it does not answer on a local socket.
  struct Live {
    std::map<std::string, std::string> runtimes;  // name, path
    std::string default_runtime;
  };
  std::optional<Live> live() const;

  // The names of running containers that run by one of these runtimes; empty if it does not answer.
  std::vector<std::string> containers_of(const std::vector<std::string>& runtimes) const;

  // SIGHUP, on which it reads its file again. Throws Error (unverifiable).
  void reload() const;

 private:
  Dockerd(pid_t pid, host::Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  std::string socket() const;

  pid_t pid_;
  host::Fd pidfd_;
  std::vector<std::string> arguments_;
};

}  // namespace engines
