// One engine: the runtimes it would call, by its command line, its files and, where it can be asked, its own word.
#pragma once

#include <string>
#include <vector>

#include "admin/finding.h"
#include "engines/processes.h"
#include "engines/registration.h"

namespace admin {

// What the findings about an engine have in common.
struct Engine {
  const engines::Process& process;
  std::string subject;                            // "dockerd (pid 12)"
  std::vector<std::vector<std::string>> lookups;  // the PATHs on which a runtime's name may be looked up
  Diagnosis& diagnosis;

  std::string id(const std::string& what) const;  // "docker-" + what
  void add(const std::string& what, Severity severity, const std::string& seen, const std::string& remedy) const;
  // `about` is what the subject is about, as in "runtime 'raw' of …".
  void add(const std::string& what, Severity severity, const std::string& about, const std::string& seen,
           const std::string& remedy) const;
};

// Other processes that matter to it: the PATHs of the containerds that a dockerd may use.
struct Neighbours {
  std::vector<std::string> containerd_paths;
};

// Examines an engine that sees the files that we see.
void examine(const engines::Process& process, const Neighbours& neighbours, Diagnosis& diagnosis);

// "dockerd (pid 12)", "dockerd of /lib/systemd/system/docker.service", "docker, which does not run".
std::string words_for(const engines::Process& process);

// Its PATH; empty if it has none, or does not run.
std::string path_of(const engines::Process& process);

// Judges what runs by a registration: the shim, or a way around it.
void judge(const engines::Registration& registration, const Engine& engine);

// Judges the first of these names that there is on one of the engine's PATHs, as the runtime that is called `what`.
void judge_first(const std::string& what, const std::vector<std::string>& names, const std::string& where,
                 const std::string& remedy, const Engine& engine);

// Whether somebody else than root can change the files that an engine goes by.
void check_files(const std::vector<std::string>& files, const Engine& engine);

// Whether one of the files was changed after the engine began, so that it may go by what they said before.
void check_age(const std::vector<std::string>& files, Severity severity, const Engine& engine);

// How the engine is made to go by its files.
std::string reload_command(engines::Kind kind);

// One for each kind; `engine.lookups` is set.
void examine_docker(const Engine& engine);
void examine_containerd(Engine& engine);
void examine_crio(const Engine& engine);
void examine_podman(const Engine& engine);
void examine_buildkit(const Engine& engine);

}  // namespace admin
