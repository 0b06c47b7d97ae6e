// Telling what was decided: the decision log for the operator, the runtime's own log for the engine.
#pragma once

#include <string>

#include "config/settings.h"
#include "shim/command_line.h"

namespace shim {

// Appends the record to the decision log, as one line by one write. If that cannot be, it goes to syslog instead: a
// full disk does not change a decision.
void tell_operator(const std::string& record, const config::Settings::Log& log);

// Says why the runtime is not run, as runc says its own errors: a line in the --log file, in the format that
// --log-format asks for, and the plain message on standard error; without --log, that line on standard error.
void tell_caller(const std::string& message, const Call& call);

}  // namespace shim
