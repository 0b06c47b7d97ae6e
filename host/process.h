// One process, held so that what is asked of it and done to it cannot hit another that got its number.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/fd.h"
#include "host/mounts.h"
#include "host/namespaces.h"

namespace host {

// What /proc/PID/stat says (proc_pid_stat(5)).
struct ProcessStat {
  std::string name;  // of its program, at most 15 bytes; the process's own choice
  bool ended = false;
  pid_t parent = 0;
  std::uint64_t started = 0;  // clock ticks after boot
};

// Reads its text; nullopt if that is none.
std::optional<ProcessStat> parse_stat(const std::string& text);

class Process {
 public:
  // The process `pid`; nullopt if there is none, or, where `start_time` is given (clock ticks after boot, field 22 of
  // proc_pid_stat(5)), if the one there was started at another time. Throws Error (unverifiable) if that cannot be
  // told.
  static std::optional<Process> find(pid_t pid, std::optional<std::uint64_t> start_time);

  pid_t pid() const { return pid_; }

  // The namespace `type` ("ipc", "pid", "mnt") that it is in. Throws Error (unverifiable).
  NamespaceId namespace_id(const std::string& type) const;

  // Its mounts, as it sees them. Throws Error (unverifiable).
  std::vector<Mount> mounts() const { return mounts_of(folder_.get()); }

  // What it has open: its descriptors, its working directory and its root. Throws Error (unverifiable).
  struct Open {
    std::string name;  // in its /proc folder: "fd/3", "cwd", "root"
    FileId id;
  };
  std::vector<Open> open_files() const;

  // Whether its program will find that open too. False where that cannot be told.
  bool closes_on_exec(const Open& file) const;

  // The IPC namespace whose file that is; nullopt if it is another file. Throws Error (unverifiable).
  std::optional<NamespaceId> ipc_namespace_at(const Open& file) const;

  // Whether that is a POSIX message queue. Throws Error (unverifiable).
  bool is_message_queue(const Open& file) const;

  // Where that is, as the kernel names it; may be no path.
  std::string place_of(const Open& file) const;

  // SIGKILL, through a pidfd: it, or nothing if it has ended; waits for its end, at most 5 s. False if that is not
  // permitted.
  bool kill() const;

 private:
  Fd reach(const Open& file) const;

  Process(pid_t pid, Fd folder, Fd pidfd) : pid_(pid), folder_(std::move(folder)), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  Fd folder_;  // /proc/PID, dead once it has ended
  Fd pidfd_;
};

}  // namespace host
