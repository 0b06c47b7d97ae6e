#include <dirent.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "admin/doctor_checks.h"
#include "admin/doctor_engine.h"
#include "engines/crio.h"
#include "engines/podman.h"
#include "host/error.h"
#include "host/text.h"

namespace admin {

namespace {

namespace fs = std::filesystem;

std::string variable(const engines::Process& process, const std::string& name) {
  const auto found = process.environment.find(name);
  return found == process.environment.end() ? std::string() : found->second;
}

// The files of a folder of drop-ins, in their order.
void add_folder(const std::string& folder, std::vector<std::string>& files) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".conf") names.insert(entry->path().string());
  files.insert(files.end(), names.begin(), names.end());
}

// All files that any version of root's Podman reads, each overriding those before it (containers/common, pkg/config,
// new.go): versions differ in whether they look into root's home and into the drop-ins of /usr/share.
std::vector<std::string> files_of(const engines::Process& process) {
  std::vector<std::string> files;
  if (const std::string only = variable(process, "CONTAINERS_CONF"); !only.empty()) {
    files = {only};
  } else {
    std::string home = variable(process, "XDG_CONFIG_HOME");
    if (home.empty()) home = (variable(process, "HOME").empty() ? "/root" : variable(process, "HOME")) + "/.config";
    for (const std::string& file :
         {std::string("/usr/share/containers/containers.conf"), std::string("/etc/containers/containers.conf"),
          home + "/containers/containers.conf"}) {
      files.push_back(file);
      add_folder(file + ".d", files);
    }
  }
  if (const std::string more = variable(process, "CONTAINERS_CONF_OVERRIDE"); !more.empty()) files.push_back(more);
  files.erase(std::remove_if(files.begin(), files.end(), [](const std::string& file) { return !fs::exists(file); }),
              files.end());
  return files;
}

}  // namespace

void examine_podman(const Engine& engine) {
  const std::vector<std::string> files = files_of(engine.process);
  for (const std::string& file : files) engine.diagnosis.examined.push_back(engine.subject + ": " + host::quoted(file));
  if (files.empty()) engine.diagnosis.examined.push_back(engine.subject + ": what is built in");
  check_files(files, engine);
  check_age(files, Severity::critical, engine);
  if (const auto runtime = engines::last_flag(engine.process.arguments, "runtime"))
    judge({*runtime, *runtime, "its option --runtime", true}, engine);
  for (const engines::Registration& runtime : engines::podman_registrations(files)) judge(runtime, engine);
  if (variable(engine.process, "CONTAINERS_CONF").empty())
    for (const engines::Registration& runtime : engines::podman_registrations()) judge(runtime, engine);
  // Buildah's own variable (buildah, pkg/util, Runtime).
  if (const std::string runtime = variable(engine.process, "BUILDAH_RUNTIME"); !runtime.empty())
    judge({"BUILDAH_RUNTIME", runtime, "BUILDAH_RUNTIME in the environment", true}, engine);
}

void examine_crio(const Engine& engine) {
  const engines::Process& process = engine.process;
  const auto option = [&](const char* name, const char* letter, const char* standard) {
    auto value = engines::last_flag(process.arguments, name);
    if (!value) value = engines::last_flag(process.arguments, letter);
    return engines::absolute(value.value_or(standard), process.folder);
  };
  const std::string config = option("config", "c", "/etc/crio/crio.conf");
  const std::string drop_ins = option("config-dir", "d", "/etc/crio/crio.conf.d");
  std::vector<std::string> files = engines::crio_layers(config, drop_ins);
  engine.diagnosis.examined.push_back(engine.subject + ": " + host::quoted(config) + ", " + host::quoted(drop_ins));
  check_files(files, engine);
  files.push_back(drop_ins);  // which a file that is gone has changed
  check_age(files, Severity::critical, engine);
  engines::Registrations runtimes = engines::crio_registrations(config, drop_ins);
  // NAME:PATH:ROOT and more (crio(8)).
  for (const std::string& added : engines::flag_values(process.arguments, "runtimes")) {
    const std::size_t name = std::min(added.find(':'), added.size());
    const std::string rest = added.substr(std::min(name + 1, added.size()));
    runtimes.push_back({added.substr(0, name), rest.substr(0, rest.find(':')), "its option --runtimes", false});
  }
  if (const auto chosen = engines::last_flag(process.arguments, "default-runtime"))
    for (engines::Registration& runtime : runtimes) runtime.is_default = runtime.name == *chosen;
  for (const engines::Registration& runtime : runtimes) judge(runtime, engine);
}

}  // namespace admin
