#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "admin/doctor_checks.h"
#include "admin/doctor_runtime.h"
#include "engines/files.h"
#include "engines/hard_mode.h"
#include "engines/runtime_name.h"
#include "host/engine.h"
#include "host/error.h"
#include "host/hard_mode.h"
#include "host/shim_note.h"
#include "host/text.h"
#include "host/trust.h"

namespace admin {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view shim_name = "ipcguard-runtime";

struct Program {
  std::string name, path;
  off_t size = 0;
};

// The programs in a folder, by name.
std::vector<Program> programs_in(const std::string& folder) {
  std::vector<Program> programs;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    struct stat stat {};
    const std::string path = entry->path().string();
    if (::stat(path.c_str(), &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & 0111U) != 0)
      programs.push_back({entry->path().filename().string(), path, stat.st_size});
  }
  std::sort(programs.begin(), programs.end(),
            [](const Program& one, const Program& other) { return one.name < other.name; });
  return programs;
}

// A containerd shim that need not call the runtime: any but runc's own two.
bool is_containerd_shim(std::string_view name) { return name.starts_with("containerd-shim-") && !is_runc_shim(name); }

// What calls the runtime for an engine: whoever changes it has what he likes called.
bool calls_runtimes(std::string_view name) {
  return name.starts_with("containerd-shim") || name == "conmon" || name == "conmonrs" || name == "buildah";
}

bool same_bytes(const std::string& one, const std::string& other) {
  try {
    return engines::read_text(one) == engines::read_text(other);
  } catch (const host::Error&) {
    return false;
  }
}

std::string target_shown(const std::string& path) {
  const std::string target = host::without_links(path);
  return target == path || target.empty() ? std::string() : ", which leads to " + host::quoted(target);
}

}  // namespace

bool is_runc_shim(std::string_view name) {
  return name == "containerd-shim-runc-v1" || name == "containerd-shim-runc-v2";
}

std::vector<std::string> folders_of(const std::string& path) {
  const std::string text = path.empty() ? default_path : path;
  std::vector<std::string> folders;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(':', at), text.size());
    if (end > at && text[at] == '/') folders.push_back(text.substr(at, end - at));  // Go does not run what is relative
    at = end + 1;
  }
  return folders;
}

void check_program(const std::string& id, const std::string& what, const std::string& path, Diagnosis& diagnosis) {
  const std::string subject = what + " " + host::quoted(path);
  if (const auto weakness = host::weakness_of(path))
    diagnosis.add(id + "-changeable", Severity::critical, subject, host::quoted(weakness->path) + ": " + weakness->what,
                  "make sure that it is what it should be, then: " + weakness->command);
  if (const auto privilege = host::privilege_of(path))
    diagnosis.add(id + "-privileged", Severity::critical, subject,
                  host::quoted(privilege->path) + ": " + privilege->what + ": it must run as whoever calls it",
                  privilege->command);
}

void check_installation(const std::vector<std::string>& places, Diagnosis& diagnosis) {
  bool found = false;
  for (const std::string& place : places) {
    if (access(place.c_str(), F_OK) != 0) continue;
    const std::string subject = "the shim " + host::quoted(place);
    if (!host::is_shim(place)) {
      diagnosis.add("shim-replaced", Severity::critical, subject, host::quoted(place) + " is not ipcguard-runtime",
                    "install ipcguard again");
      continue;
    }
    found = true;
    diagnosis.examined.push_back("the shim " + host::quoted(place));
    check_program("shim", "the shim", place, diagnosis);
    if (access(place.c_str(), X_OK) != 0)
      diagnosis.add("shim-not-executable", Severity::warning, subject, host::reason(errno),
                    "chmod 755 " + host::shell_word(place));
  }
  if (!found)
    diagnosis.add("shim-missing", Severity::critical, "the shim",
                  "there is no ipcguard-runtime in the places it is installed in", "install ipcguard");
  if (const std::string self = host::own_path(); !self.empty())
    check_program("command", "the operator's command", self, diagnosis);
}

void check_copies(const std::vector<std::string>& places, const std::set<std::string>& folders, Diagnosis& diagnosis) {
  const auto installed = std::find_if(places.begin(), places.end(), host::is_shim);
  for (const std::string& folder : folders) {
    for (const Program& program : programs_in(folder)) {
      if (program.name.ends_with(host::kept_suffix)) {
        check_program("runtime", "the runtime", program.path, diagnosis);
        continue;
      }
      if (calls_runtimes(program.name)) check_program("engine", "what calls runtimes,", program.path, diagnosis);
      const bool named_so = program.name.starts_with(shim_name);
      if (!named_so && !engines::sounds_like_runtime(program.name)) continue;
      if (!host::is_shim(program.path)) continue;
      const std::string subject = "the shim at " + host::quoted(program.path);
      diagnosis.examined.push_back(subject + target_shown(program.path));
      check_program("shim", "the shim", program.path, diagnosis);
      if (installed != places.end() && !same_bytes(*installed, program.path))
        diagnosis.add("shim-copy-differs", Severity::warning, subject,
                      host::quoted(program.path) + " is another version than " + host::quoted(*installed),
                      "ipcguard harden");
      if (named_so) continue;
      const auto kept = host::kept_beside(host::without_links(program.path));
      if (kept && kept->fault.empty()) continue;
      diagnosis.add("shim-without-runtime", Severity::warning, subject,
                    kept ? "the runtime that is kept beside it cannot be run: " + kept->fault
                         : "no runtime is kept beside it: what it becomes is what the settings name, or nothing",
                    "ipcguard harden");
    }
  }
}

void check_raw_runtimes(const std::set<std::string>& folders, Severity severity, Diagnosis& diagnosis) {
  std::map<off_t, std::string> kept;  // real runtimes that hard mode keeps, by size
  for (const std::string& folder : folders)
    for (const Program& program : programs_in(folder))
      if (program.name.ends_with(host::kept_suffix)) kept.emplace(program.size, program.path);
  for (const std::string& folder : folders) {
    for (const Program& program : programs_in(folder)) {
      const std::string& path = program.path;
      if (program.name.ends_with(host::kept_suffix) || host::is_shim(path)) continue;
      if (is_containerd_shim(program.name)) {
        diagnosis.add(
            "containerd-shim-found", severity, "the containerd shim " + host::quoted(path),
            host::quoted(path) + target_shown(path) +
                ": Docker 23 and later run it for whoever asks for it by type, "
                "docker run --runtime io.containerd.…, registered or not",
            "remove it, or keep Docker's API from those who must not bypass the shim: rm " + host::shell_word(path));
        continue;
      }
      const auto original = kept.find(program.size);
      const bool copy =
          !engines::sounds_like_runtime(program.name) && original != kept.end() && same_bytes(original->second, path);
      if (!copy && !engines::sounds_like_runtime(program.name)) continue;
      const RuntimeProgram runtime = runtime_program(path, folders_of({}));
      if (runtime.guarded) continue;
      const std::string target = host::without_links(path);
      diagnosis.add("raw-runtime-found", severity, "the runtime " + host::quoted(target),
                    host::quoted(path) + (copy ? ": a copy of " + host::quoted(original->second) : std::string()) +
                        ": " + runtime.seen,
                    remedy_for_program(target));
    }
  }
}

void check_hard_mode(const std::string& list, Diagnosis& diagnosis) {
  const std::string paths = engines::read_text(list).value_or(std::string());
  for (std::size_t at = 0; at < paths.size();) {
    const std::size_t end = std::min(paths.find('\n', at), paths.size());
    const std::string path = paths.substr(at, end - at);
    at = end + 1;
    if (path.empty()) continue;
    if (host::is_shim(path)) {
      if (engines::upgrade_undoes(path))
        diagnosis.add("hard-mode-undiverted", Severity::warning, "hard mode of " + host::quoted(path),
                      "dpkg owns " + host::quoted(path) + " and does not divert it: the next upgrade undoes hard mode",
                      "ipcguard harden");
      continue;
    }
    const bool there = access(path.c_str(), F_OK) == 0;
    diagnosis.add("hard-mode-undone", there ? Severity::critical : Severity::warning,
                  "hard mode of " + host::quoted(path),
                  list + " names " + host::quoted(path) + ", which " +
                      (there ? "is not ipcguard-runtime: something has replaced it since" : "is not there any more"),
                  "ipcguard harden");
  }
}

}  // namespace admin
