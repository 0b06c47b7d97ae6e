#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include "admin/doctor_checks.h"
#include "admin/doctor_engine.h"
#include "admin/records.h"
#include "engines/units.h"
#include "host/error.h"
#include "host/text.h"
#include "host/trust.h"
#include "host/view.h"

namespace admin {

namespace {

namespace fs = std::filesystem;
using engines::Kind;
using engines::Process;

// What an engine's users would start, where neither a process nor a unit says how.
Process not_running(Kind kind, const std::string& program) {
  Process process;
  process.kind = kind;
  process.program = program;
  process.folder = "/";
  process.arguments = {program};
  // Of whoever asks, who is root and may be about to run a container.
  for (const char* name : {"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE", "XDG_CONFIG_HOME", "HOME", "BUILDAH_RUNTIME"})
    if (const char* value = std::getenv(name)) process.environment[name] = value;
  return process;
}

bool exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The path of an installed program; empty if there is none.
std::string installed(const std::string& name) {
  for (const std::string& folder : folders_of({}))
    if (std::string path = folder + "/" + name; access(path.c_str(), X_OK) == 0) return path;
  return {};
}

// Engines on disk that neither run nor have a unit.
std::vector<Process> idle_engines(const std::vector<Process>& known) {
  struct Engine {
    Kind kind;
    const char* program;
    const char* config;
  };
  std::vector<Process> idle;
  for (const Engine& engine :
       {Engine{Kind::docker, "dockerd", "/etc/docker/daemon.json"},
        Engine{Kind::containerd, "containerd", "/etc/containerd/config.toml"}, Engine{Kind::crio, "crio", "/etc/crio"},
        Engine{Kind::buildkit, "buildkitd", "/etc/buildkit/buildkitd.toml"},
        // Podman needs no service, and Buildah shares its files.
        Engine{Kind::podman, "podman", "/etc/containers/containers.conf"},
        Engine{Kind::podman, "buildah", "/etc/containers/containers.conf.d"}}) {
    const auto same_kind = [&](const Process& process) { return process.kind == engine.kind; };
    if (engine.kind != Kind::podman && std::any_of(known.begin(), known.end(), same_kind)) continue;
    if (std::any_of(idle.begin(), idle.end(), same_kind)) continue;
    const std::string program = installed(engine.program);
    if (!program.empty() || exists(engine.config)) idle.push_back(not_running(engine.kind, program));
  }
  return idle;
}

// k3s, RKE2, k0s and MicroK8s have a containerd of their own.
void add_distributions(const std::vector<Process>& known, std::vector<Process>& idle) {
  struct Distribution {
    const char *config, *program;
  };
  for (const Distribution& one :
       {Distribution{"/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
                     "/var/lib/rancher/k3s/data/current/bin/containerd"},
        Distribution{"/var/lib/rancher/rke2/agent/etc/containerd/config.toml", "/var/lib/rancher/rke2/bin/containerd"},
        Distribution{"/etc/k0s/containerd.toml", "/var/lib/k0s/bin/containerd"},
        Distribution{"/var/snap/microk8s/current/args/containerd.toml", "/snap/microk8s/current/bin/containerd"}}) {
    if (!exists(one.config)) continue;
    const bool runs = std::any_of(known.begin(), known.end(), [&](const Process& process) {
      const auto& words = process.arguments;
      return std::any_of(words.begin(), words.end(),
                         [&](const std::string& word) { return word.find(one.config) != std::string::npos; });
    });
    if (runs) continue;
    Process process = not_running(Kind::containerd, exists(one.program) ? one.program : installed("containerd"));
    process.arguments.insert(process.arguments.end(), {"--config", one.config});
    process.environment["PATH"] = fs::path(one.program).parent_path().string() + ":" + default_path;
    idle.push_back(std::move(process));
  }
}

// A unit that would start just what runs.
bool runs_already(const Process& unit, const std::vector<Process>& running) {
  return std::any_of(running.begin(), running.end(), [&](const Process& process) {
    return process.kind == unit.kind && process.arguments.size() == unit.arguments.size() &&
           std::equal(process.arguments.begin() + 1, process.arguments.end(), unit.arguments.begin() + 1);
  });
}

// The shim that an engine calls reads the policy that the engine sees.
Diagnosis examined_from_within(const Process& process, const Neighbours& neighbours) {
  Diagnosis diagnosis = unpacked(host::in_view_of(process.pid, [&] {
    Diagnosis inside;
    examine(process, neighbours, inside);
    check_policy(inside);
    return packed(inside);
  }));
  const std::string suffix = " (in the files that process " + std::to_string(process.pid) + " sees)";
  for (Finding& finding : diagnosis.findings) finding.subject += suffix;
  for (std::string& what : diagnosis.examined) what += suffix;
  return diagnosis;
}

void examine_running(const Process& process, const Neighbours& neighbours, Diagnosis& diagnosis) {
  const std::string subject = words_for(process);
  if (process.uid != 0) {
    diagnosis.add("engine-rootless", Severity::info, subject,
                  "it runs as user " + std::to_string(process.uid) +
                      ": its user can call a runtime himself, and has no "
                      "more of the host's IPC that way than without containers",
                  "nothing: see SECURITY.md");
    return;
  }
  if (!process.readable)
    diagnosis.add("engine-unreadable", Severity::critical, subject, "its program and its environment cannot be read",
                  "sudo ipcguard doctor, on the host itself");
  if (process.contained) {
    diagnosis.add("engine-contained", Severity::info, subject,
                  "it is in a container: what its containers share is that container's IPC, not the host's",
                  "nothing: the shim judged the container that it is in");
    return;
  }
  try {
    if (host::has_our_view(process.pid))
      examine(process, neighbours, diagnosis);
    else
      diagnosis.add(examined_from_within(process, neighbours));
  } catch (const host::Error& error) {
    diagnosis.add("engine-unreadable", Severity::critical, subject, error.what(),
                  "ipcguard doctor, as root on the host");
  }
}

// The PATHs on which those containerds look that see what we see, or what `view` sees.
Neighbours neighbours_of(const Process& process, const std::vector<Process>& running) {
  Neighbours neighbours;
  if (process.kind != Kind::docker) return neighbours;
  for (const Process& other : running)
    if (other.kind == Kind::containerd && other.uid == 0 && !other.contained)
      neighbours.containerd_paths.push_back(path_of(other));
  return neighbours;
}

}  // namespace

void check_policy(Diagnosis& diagnosis) {
  shim::Policy policy;
  diagnosis.examined.push_back(std::string("the settings ") + config::settings_path +
                               (exists(config::settings_path) ? "" : ", which are not there: the defaults hold"));
  check_settings(config::settings_path, policy, diagnosis);
  check_runtimes(config::settings_path, policy, diagnosis);
  check_allowlist(config::allowlist_path, policy, today(), diagnosis);
  diagnosis.examined.push_back(std::string("the allowlist ") + config::allowlist_path + ": " +
                               std::to_string(policy.allowlist().exceptions.size()) + " exceptions");
  check_log(policy.settings().log, diagnosis);
}

std::set<std::string> check_engines(Diagnosis& diagnosis) {
  const auto [running, unreadable] = engines::engine_processes();
  if (!unreadable.empty())
    diagnosis.add(
        "processes-unreadable", Severity::warning, std::to_string(unreadable.size()) + " processes",
        "only their names can be told, and none is an engine's; one is process " + std::to_string(unreadable.front()),
        "sudo ipcguard doctor, on the host itself");
  std::set<std::string> folders;
  for (const Process& process : running) {
    examine_running(process, neighbours_of(process, running), diagnosis);
    if (process.uid == 0 && !process.contained && host::has_our_view(process.pid))
      for (std::string& folder : folders_of(path_of(process))) folders.insert(std::move(folder));
  }
  std::vector<Process> known = running, idle;
  for (Process& unit : engines::engine_units()) {
    check_files(unit.unit_files, {unit, words_for(unit), {}, diagnosis});
    if (!runs_already(unit, running)) idle.push_back(unit);
    known.push_back(std::move(unit));
  }
  for (Process& process : idle_engines(known)) idle.push_back(std::move(process));
  add_distributions(known, idle);
  for (const Process& process : idle) {
    examine(process, {}, diagnosis);
    for (std::string& folder : folders_of(path_of(process))) folders.insert(std::move(folder));
  }
  return folders;
}

}  // namespace admin
