#include "admin/doctor_engine.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "admin/doctor_checks.h"
#include "admin/doctor_runtime.h"
#include "engines/buildkit.h"
#include "engines/files.h"
#include "host/error.h"
#include "host/text.h"
#include "host/trust.h"

namespace admin {

namespace {

namespace fs = std::filesystem;
using engines::Kind;
using engines::Process;

constexpr std::int64_t slack = 50'000'000;  // ns: what two clocks may differ by; no engine reads its files so soon

bool configurable(Kind kind) { return kind != Kind::buildkit; }

// "io.containerd.kata.v2" is the program containerd-shim-kata-v2 (containerd, pkg/shim/util_unix.go, BinaryName);
// empty if it is no type of a shim's.
std::string shim_program(const std::string& type) {
  if (type.find('/') != std::string::npos) return {};
  const std::size_t version = type.rfind('.');
  const std::size_t name =
      version == std::string::npos || version == 0 ? std::string::npos : type.rfind('.', version - 1);
  if (name == std::string::npos) return {};
  return "containerd-shim-" + type.substr(name + 1, version - name - 1) + "-" + type.substr(version + 1);
}

// dockerd forgets a runtime that is gone from its file only when it starts anew (moby, daemon/reload_unix.go).
std::string forget_command(Kind kind) {
  return kind == Kind::docker ? "systemctl restart docker" : reload_command(kind);
}

std::string remedy_for(const engines::Registration& registration, const std::string& program, const Engine& engine) {
  std::string mended = program.empty() ? std::string() : remedy_for_program(program);
  if (registration.where == "built in" || mended == "ipcguard harden") return mended;
  const Kind kind = engine.process.kind;
  const std::string configure = registration.is_default && configurable(kind)
                                    ? "ipcguard configure " + std::string(name_of(kind)) + " --default; "
                                    : "";
  if (registration.where.starts_with("GET "))
    return configure + forget_command(kind) + ", once nothing on disk names it";
  return configure + "take the runtime " + host::quoted(registration.name) + " out of " + registration.where +
         ", then: " + forget_command(kind);
}

// What is written, and what that leads to.
std::string named(const std::string& written, const std::string& path) {
  const std::string text = "it calls " + host::quoted(written);
  return written == path ? text : text + ", that is " + host::quoted(path);
}

// A type of containerd's whose shim is not runc's calls no runtime that could be the shim.
void judge_containerd_shim(const engines::Registration& registration, const std::string& program,
                           const Engine& engine) {
  for (const auto& folders : engine.lookups) {
    const RuntimeProgram shim = runtime_program(program, folders);
    if (!shim.found) continue;
    engine.add(registration.is_default ? "default-runtime" : "runtime-registered", Severity::critical,
               "runtime " + host::quoted(registration.name),
               registration.where + ": it is the containerd shim " + host::quoted(registration.path) + ", that is " +
                   host::quoted(shim.path) + ", which does not call ipcguard-runtime",
               remedy_for(registration, {}, engine));
    return;
  }
}

}  // namespace

std::string Engine::id(const std::string& what) const { return std::string(name_of(process.kind)) + "-" + what; }

void Engine::add(const std::string& what, Severity severity, const std::string& seen, const std::string& remedy) const {
  diagnosis.add(id(what), severity, subject, seen, remedy);
}

void Engine::add(const std::string& what, Severity severity, const std::string& about, const std::string& seen,
                 const std::string& remedy) const {
  diagnosis.add(id(what), severity, about + " of " + subject, seen, remedy);
}

std::string words_for(const Process& process) {
  const std::string name =
      process.arguments.empty() ? std::string() : fs::path(process.arguments.front()).filename().string();
  if (process.pid > 0) return host::quoted(name, 64) + " (pid " + std::to_string(process.pid) + ")";
  if (!process.unit.empty()) return host::quoted(name, 64) + " of " + host::quoted(process.unit);
  return std::string(name_of(process.kind)) + (process.kind == Kind::podman ? " and Buildah" : ", which does not run");
}

std::string path_of(const Process& process) {
  const auto path = process.environment.find("PATH");
  return path == process.environment.end() ? std::string() : path->second;
}

std::string reload_command(Kind kind) {
  switch (kind) {
    case Kind::docker: return "systemctl reload docker";
    case Kind::containerd: return "systemctl restart containerd";
    case Kind::crio: return "systemctl restart crio";
    case Kind::podman: return "systemctl try-restart podman";
    case Kind::buildkit: return "systemctl restart buildkit";
  }
  return {};
}

void judge(const engines::Registration& registration, const Engine& engine) {
  const std::string of_type = shim_program(registration.path);
  const bool runc_type = is_runc_shim(of_type);
  if (!of_type.empty() && !runc_type) {
    judge_containerd_shim(registration, of_type, engine);
    return;
  }
  if (fs::path(registration.path).filename().string().starts_with("containerd-shim")) {
    judge_containerd_shim(registration, registration.path, engine);
    return;
  }
  const std::string name = runc_type ? "runc" : registration.path;
  const std::string about = "runtime " + host::quoted(registration.name);
  bool found = false;
  for (const auto& folders : engine.lookups) {
    const RuntimeProgram program = runtime_program(name, folders);
    found = found || program.found;
    if (!program.found) continue;
    if (program.shim) check_program("shim", "the shim", program.path, engine.diagnosis);
    if (program.guarded) continue;
    engine.add(registration.is_default ? "default-runtime" : "runtime-registered", Severity::critical, about,
               registration.where + ": " + named(registration.path, program.path) + ": " + program.seen,
               remedy_for(registration, program.path, engine));
  }
  if (!found && registration.where != "built in")
    engine.add("runtime-missing", Severity::warning, about,
               registration.where + ": " + host::quoted(registration.path) +
                   " does not exist, or cannot be run; whoever puts "
                   "something there has it called",
               "take it out of " + host::shell_word(registration.where));
}

void judge_first(const std::string& what, const std::vector<std::string>& names, const std::string& where,
                 const std::string& remedy, const Engine& engine) {
  for (const auto& folders : engine.lookups) {
    for (const std::string& name : names) {
      const RuntimeProgram program = runtime_program(name, folders);
      if (!program.found) continue;
      if (!program.guarded) {
        const std::string mended = remedy_for_program(program.path);
        engine.add(what, Severity::critical, where + ": " + named(name, program.path) + ": " + program.seen,
                   mended == "ipcguard harden" || remedy.empty() ? mended : remedy);
      }
      break;
    }
  }
}

void check_files(const std::vector<std::string>& files, const Engine& engine) {
  for (const std::string& file : files)
    if (const auto weakness = host::weakness_of(file))
      engine.add("config-changeable", Severity::critical, "the file " + host::quoted(file),
                 host::quoted(weakness->path) + ": " + weakness->what + ": another runtime can be registered there",
                 "review what is in it, then: " + weakness->command);
}

void check_age(const std::vector<std::string>& files, Severity severity, const Engine& engine) {
  const std::int64_t started = engine.process.started;
  if (engine.process.pid <= 0 || started == 0) return;
  for (const std::string& file : files) {
    struct stat stat {};
    if (::stat(file.c_str(), &stat) != 0) continue;
    if (static_cast<std::int64_t>(stat.st_ctim.tv_sec) * 1'000'000'000 + stat.st_ctim.tv_nsec <= started + slack)
      continue;
    engine.add("not-restarted", severity,
               host::quoted(file) + " was changed after it was started: it may go by what stood there before",
               reload_command(engine.process.kind));
  }
}

void examine_buildkit(const Engine& engine) {
  const Process& process = engine.process;
  const std::string config = engines::buildkit_config_of(process.arguments, process.folder);
  engine.diagnosis.examined.push_back(engine.subject + ": " + host::quoted(config));
  check_files({config}, engine);
  check_age({config}, Severity::critical, engine);
  const engines::BuildkitWorkers workers = engines::buildkit_workers(process.arguments, process.folder);
  judge_first("oci-worker", workers.oci, workers.where,
              "set worker.oci.binary to ipcguard-runtime in " + host::shell_word(config) +
                  ", then: " + reload_command(process.kind),
              engine);
  if (!workers.containerd.empty()) judge({"containerd worker", workers.containerd, config, false}, engine);
}

void examine(const Process& process, const Neighbours& neighbours, Diagnosis& diagnosis) {
  Engine engine{process, words_for(process), {folders_of(path_of(process))}, diagnosis};
  for (const std::string& path : neighbours.containerd_paths) engine.lookups.push_back(folders_of(path));
  // The containerd that starts the runtimes of Docker puts a folder of its own in front (plugins/opt).
  if (process.kind == Kind::docker || process.kind == Kind::containerd)
    for (auto& folders : engine.lookups) folders.insert(folders.begin(), "/opt/containerd/bin");
  for (const auto& folders : engine.lookups)
    for (const std::string& folder : folders)
      if (const auto weakness = host::weakness_of(folder))
        engine.add(
            "path-changeable", Severity::critical,
            host::quoted(folder) + " is on its PATH, and " + host::quoted(weakness->path) + ": " + weakness->what,
            weakness->command);
  if (!process.program.empty()) check_program("engine", "the engine", process.program, diagnosis);
  try {
    switch (process.kind) {
      case Kind::docker: examine_docker(engine); break;
      case Kind::containerd: examine_containerd(engine); break;
      case Kind::crio: examine_crio(engine); break;
      case Kind::podman: examine_podman(engine); break;
      case Kind::buildkit: examine_buildkit(engine); break;
    }
  } catch (const host::Error& error) {
    engine.add("config-unreadable", Severity::critical, std::string("what it calls cannot be told: ") + error.what(),
               "mend the file, then: ipcguard doctor");
  }
}

}  // namespace admin
