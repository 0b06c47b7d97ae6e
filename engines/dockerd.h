// The dockerd that runs here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engines/daemon.h"

namespace engines {

class Dockerd {
 public:
  static std::vector<Dockerd> find_all();

  const Daemon& process() const { return process_; }
  std::string config() const;  // the file that it reads, absolute

  // What it goes by now; none if it does not answer on a local socket.
  struct Live {
    std::map<std::string, std::string> runtimes;  // name, path
    std::string default_runtime;
  };
  std::optional<Live> live() const;

  // The names of running containers that run by one of these runtimes; empty if it does not answer.
  std::vector<std::string> containers_of(const std::vector<std::string>& runtimes) const;

 private:
  explicit Dockerd(Daemon process) : process_(std::move(process)) {}
  std::string socket() const;

  Daemon process_;
};

}  // namespace engines
