// The runtime's command line, read as every supported runtime reads it (design: engines send only plain forms).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shim {

// What we know of a call. The arguments themselves go to the runtime untouched.
struct Call {
  std::string runtime_name = "default";  // NAME, where the shim was invoked as ipcguard-runtime.NAME
  std::string command;                   // "create"; empty if there is none, or it cannot be told
  bool creates = false;                  // create, run or restore: the create gate judges it
  bool starts = false;                   // start: the start gate judges it
  bool gated() const { return creates || starts || !ambiguity.empty(); }

  // Why runtimes would read the call differently from one another, where one of the readings creates or starts a
  // container; empty if they agree.
  std::string ambiguity;

  std::optional<std::string> root;      // --root
  std::optional<std::string> log_file;  // --log
  bool log_json = false;                // --log-format json
  // Of exec: the words after the command, one of which is the container's id.
  std::vector<std::string> words;
  std::vector<std::string> globals;  // the arguments before the command, but for those that say what is logged
  std::string bundle = ".";          // --bundle; relative to the working directory
  std::string image = "checkpoint";  // --image-path, of restore; may be relative
  std::string id;
  int preserved = 0;  // --preserve-fds
};

// Reads argv. `declared` are the options that the settings declare: "--name" to whether a value follows it.
Call read_command_line(const std::vector<std::string>& argv, const std::map<std::string, bool>& declared);

// Why the environment would make a runtime do something else than its command line says; empty if it would not.
std::string environment_ambiguity(const char* const* environment, const Call& call);

// How many descriptors beyond 0, 1 and 2 a program that the call runs inherits: those of --preserve-fds, and those of
// LISTEN_FDS (sd_listen_fds(3)), which crun passes on whatever LISTEN_PID says.
int inherited_descriptors(const Call& call, const char* listen_fds);

}  // namespace shim
