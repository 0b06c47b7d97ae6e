// The containers that run on this host now, of every engine, without asking any of them: what runtimes have on disk,
// and what the kernel shows of those whose runtime keeps its state where nobody looks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/engine.h"
#include "host/error.h"
#include "host/namespaces.h"
#include "oci/runtime_state.h"

namespace engines {

// One process, as far as it takes to tell what begins a container.
struct ProcessFacts {
  pid_t pid = 0, parent = 0;
  std::uint64_t started = 0;  // clock ticks after boot
  std::string name;           // of its program
  host::NamespaceId mount;    // namespace
  std::string cgroup;         // the text of its cgroup file
};

struct Snapshot {
  std::vector<ProcessFacts> all;  // by the time they were started
  std::vector<pid_t> unreadable;  // what is known of these is only that they are there
  std::set<ino_t> host;           // mount namespaces that are the host's: ours and pid 1's
};

// All that `proc` has. Those that end meanwhile are left out.
Snapshot read_processes(const std::string& proc = "/proc");

// A container, by its init.
struct Running {
  ProcessFacts init;
  std::string id;                   // as its runtime knows it, or else as its cgroup says; may be empty
  std::optional<std::string> root;  // its runtime's --root, where its state was found
  oci::RuntimeState state;          // with the pid and start time alone where none was found
};

struct Found {
  std::vector<Running> containers;
  std::vector<host::Error> problems;  // states that cannot be read
  std::vector<pid_t> unreadable;      // as in Snapshot
  // The program of one of them has the name of a runtime: it, or its state, may not be complete.
  bool in_the_making = false;
};

// The containers that have been started; one that was only created is judged when it is started. Waits, at most some
// seconds, for those in the making.
Found running_containers(const host::EngineFolders& folders);

// The same among `processes`, at once. A runtime's state counts if only root can have written it.
Found running_containers(const Snapshot& processes, const host::EngineFolders& folders,
                         const std::string& proc = "/proc");

// Where runtimes may keep the state of their containers: by default, below these folders, and by what the running
// runtimes, monitors and shims were told. Those that are there, without links.
std::set<std::string> state_roots(const Snapshot& processes, const host::EngineFolders& folders,
                                  const std::string& proc = "/proc");

// The id of the container that a cgroup, by the text of a process's cgroup file, was made for: the last 64 hexadecimal
// digits in the path, or else its last part. Empty for the top and for the units of systemd that are no container.
std::string id_in_cgroup(const std::string& text);

}  // namespace engines
