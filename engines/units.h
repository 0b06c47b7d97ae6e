// Engines that systemd would start: what their units say, drop-ins included (systemd.unit(5), systemd.service(5)).
#pragma once

#include <string>
#include <vector>

#include "engines/processes.h"

namespace engines {

// Where units stand, the first being the one that counts.
std::vector<std::string> unit_folders();

// The engines among the services in `folders`, each as the process that would be started, without a pid. Masked ones
// are left out. A file that cannot be read is passed over: systemd would as well.
std::vector<Process> engine_units(const std::vector<std::string>& folders = unit_folders());

// The words of a command line or of Environment=, without their quotes.
std::vector<std::string> unit_words(const std::string& text);

}  // namespace engines
