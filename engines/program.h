// Running another program: an engine's own checker, systemctl.
#pragma once

#include <string>
#include <vector>

namespace engines {

struct Ended {
  int status = 0;      // as a shell has it: 128 + signal, 127 if it could not be started
  std::string output;  // standard output, and standard error where `with_errors`; at most 1 MiB
};

// Runs it with standard input from /dev/null and a plain environment (PATH and LC_ALL), and waits; kills it after
// `seconds`. `program` without a slash is looked up on that PATH. Throws Error (unverifiable) where the kernel does not
// let us.
Ended run(const std::vector<std::string>& arguments, bool with_errors = true, int seconds = 60);

// The program on that PATH; empty if there is none.
std::string program_on_path(const std::string& name);

}  // namespace engines
