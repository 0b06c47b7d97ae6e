// An engine's process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "host/fd.h"

namespace engines {

// Of a program's arguments, the values of `NAME VALUE` and `NAME=VALUE`.
std::vector<std::string> option_values(const std::vector<std::string>& arguments, const std::string& name);

class Daemon {
 public:
  // Root's processes of the program `name` that see our files: those in our mount namespace, and the one whose number
  // is in `pid_file`.
  static std::vector<Daemon> find_all(const std::string& name, const std::string& pid_file = {});

  pid_t pid() const { return pid_; }
  std::string called() const;  // "dockerd (pid 1234)"
  const std::vector<std::string>& arguments() const { return arguments_; }
  // The last value of an option that is a path, made absolute; none if it is not given.
  std::optional<std::string> path_option(const std::string& name) const;

  // SIGHUP, on which it reads its files again. Throws Error (unverifiable).
  void reload() const;

 private:
  Daemon(std::string name, pid_t pid, host::Fd pidfd) : name_(std::move(name)), pid_(pid), pidfd_(std::move(pidfd)) {}

  std::string name_;
  pid_t pid_;
  host::Fd pidfd_;
  std::vector<std::string> arguments_;
};

}  // namespace engines
