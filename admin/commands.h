// The operator's commands. Each returns the exit status: 0 fine, 1 refused or faulty, 2 wrong usage.
#pragma once

#include <string>
#include <vector>

namespace admin {

struct CheckOptions {
  std::string bundle, root, id;
  std::string runtime = "default";  // its name in the settings
  bool json = false;
};
// Judges a bundle as the create gate would or, without one, the container `id` as the start gate would; runs nothing.
int check(const CheckOptions& options);

struct ValidateOptions {
  std::string settings, allowlist;  // paths
};
// Lists everything that is wrong in settings and allowlist, and warns of what is broader than it looks.
int validate(const ValidateOptions& options);

struct AuditOptions {
  std::string format = "text";  // json, junit
};
// Holds every container that runs on this host against the benchmarks' controls and the policy. 2 also where not all of
// them could be looked at.
int audit(const AuditOptions& options);

// Of the log: its path, "-" for standard input, empty for the one that the settings name. Of `since`: a day or empty.

struct ReportOptions {
  std::string log, since;
  std::string format = "text";  // json, prometheus
};
// Counts what was refused, warned of and excepted, and lists the exceptions that somebody should look at.
int report(const ReportOptions& options);

struct SuggestOptions {
  std::string log, since, name;
  std::vector<std::string> ids, kinds;  // any of them; empty: all
};
// Prints the narrowest exceptions that would have admitted what was refused, for somebody to review.
int suggest(const SuggestOptions& options);

struct ExplainOptions {
  std::string id, log, root;
  std::string record;  // a file with the record, or "-"
  bool json = false;
};
// Tells why a container was decided as it was, and what would have to be different.
int explain(const ExplainOptions& options);

struct TestOptions {
  std::vector<std::string> files;
  std::string policy;  // the folder that stands for /etc/ipcguard
};
// Decides the cases in `files` by a policy, and tells where that is not what they expect.
int test(const TestOptions& options);

struct ConfigureOptions {
  std::string engine;
  std::string name, runtime, config;  // empty: the default, or to remove what was asked for
  bool make_default = false, dry_run = false, remove = false;
};
// Registers ipcguard-runtime with an engine, or takes it out again.
int configure(const ConfigureOptions& options);
std::vector<std::string> configurable_engines();

struct DoctorOptions {
  bool json = false;
};
// Finds every way around the shim on this host, and what weakens it. 1: enforcement can be bypassed, or that cannot be
// told.
int doctor(const DoctorOptions& options);

struct HardenOptions {
  std::vector<std::string> paths;  // empty: those hardened before, and runc and crun
  std::string runtime;             // the shim; empty: the one beside this program
  bool dry_run = false, remove = false;
};
// Puts ipcguard-runtime in the place of runtimes, or puts them back.
int harden(const HardenOptions& options);

}  // namespace admin
