// The checks of `ipcguard doctor`, each of which adds what it finds. docs/doctor.md lists the findings.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "admin/finding.h"
#include "engines/processes.h"
#include "shim/policy.h"

namespace admin {

// --- the policy (doctor_policy.cpp) ---

// Modes and owners of the policy's files and folders, all that is wrong in them, audit mode, exposures that are not
// refused. `settings` and `allowlist` are the paths that `policy` was read from.
void check_settings(const std::string& settings, const shim::Policy& policy, Diagnosis& diagnosis);
// The real runtimes that the settings name.
void check_runtimes(const std::string& settings, const shim::Policy& policy, Diagnosis& diagnosis);
// `today` tells what has expired.
void check_allowlist(const std::string& allowlist, shim::Policy& policy, std::string_view today, Diagnosis& diagnosis);
// Whether decisions can be recorded.
void check_log(const config::Settings::Log& log, Diagnosis& diagnosis);

// --- programs (doctor_programs.cpp) ---

// systemd's, and what systems without it have.
constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin";

// The folders of a PATH; of the default one if it is empty.
std::vector<std::string> folders_of(const std::string& path);

// Whether a program of this name is one of the two containerd shims that call runc, or what they are told to.
bool is_runc_shim(std::string_view name);

// Whether only root can change the program at `path`, and it runs with no more rights than its caller's. `id` is how
// findings begin, "shim" or "runtime", and `what` what they call it.
void check_program(const std::string& id, const std::string& what, const std::string& path, Diagnosis& diagnosis);

// ipcguard-runtime in the places it is installed in, and this program itself.
void check_installation(const std::vector<std::string>& places, Diagnosis& diagnosis);

// Copies of the shim at the names of runtimes: whether a runtime is kept beside each, and whether they are like the
// installed one.
void check_copies(const std::vector<std::string>& places, const std::set<std::string>& folders, Diagnosis& diagnosis);

// Whether the shim still is where hard mode has put it, by the list that it keeps (engines/hard_mode.h). Throws
// host::Error if that cannot be read.
void check_hard_mode(const std::string& list, Diagnosis& diagnosis);

// Runtimes by name, and shims of containerd's other than runc's, in `folders`: `critical` where those are on the PATH
// of root or of an engine, and a warning elsewhere.
void check_raw_runtimes(const std::set<std::string>& folders, Severity severity, Diagnosis& diagnosis);

// --- engines (doctor_engines.cpp) ---

// Engines that run and those that their units would start; where there is neither, what is on disk. Returns the folders
// of their PATHs.
std::set<std::string> check_engines(Diagnosis& diagnosis);
// The policy in force.
void check_policy(Diagnosis& diagnosis);

// --- what can be seen at all (doctor.cpp) ---

// Whether we may look, and /proc shows what it should.
void check_sight(Diagnosis& diagnosis);

}  // namespace admin
