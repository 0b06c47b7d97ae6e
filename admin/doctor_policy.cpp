#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "admin/doctor_checks.h"
#include "config/lint.h"
#include "host/engine.h"
#include "host/fd.h"
#include "host/hard_mode.h"
#include "host/shim_note.h"
#include "host/text.h"
#include "host/trust.h"

namespace admin {

namespace {

// A weak owner or mode: whoever wrote to it may have done so already.
void check_place(const std::string& id, const std::string& what, const std::string& path, Diagnosis& diagnosis) {
  if (const auto weakness = host::weakness_of(path))
    diagnosis.add(id, Severity::critical, what + " " + host::quoted(path),
                  host::quoted(weakness->path) + ": " + weakness->what,
                  "review what is in it, then: " + weakness->command);
}

std::string edit(const std::string& path) { return "edit " + host::shell_word(path) + ", then: ipcguard validate"; }

std::string place_of(const config::Exception& exception) {
  return exception.file + ":" + std::to_string(exception.line);
}

// Whether a container that nobody thought of when the exception was written is excepted: one of a random name and id,
// with its bundle somewhere or, before and behind the id, where engines have theirs.
bool matches_strangers(const config::Exception& exception, std::string_view before, std::string_view behind) {
  struct Stranger {
    const char *name, *id;
  };
  constexpr std::array strangers = {
      Stranger{"zq7xkw", "4f5c83a1b0de7f2968c41d5e0a93b7764f5c83a1b0de7f2968c41d5e0a93b776"},
      Stranger{"0b-vj3", "c02e9d47516ab8f3e1905b7c2d6a48f0c02e9d47516ab8f3e1905b7c2d6a48f0"}};
  return std::all_of(strangers.begin(), strangers.end(), [&](const Stranger& stranger) {
    const std::string name(stranger.name), id(stranger.id);
    config::Container container;
    container.attributes = {
        {"id", id},
        {"bundle", before.empty() ? "/run/" + name + "/" + name : std::string(before) + id + std::string(behind)},
        {"name", name},
        {"image", name + ".example.com/" + name + ":" + name},
        {"image_id", "sha256:" + name},
        {"namespace", name},
        {"pod", name},
        {"container", name}};
    for (const auto& [label, globs] : exception.labels) container.labels[label] = name;
    return std::any_of(exception.engines.begin(), exception.engines.end(), [&](host::Engine engine) {
      container.engine = engine;
      return exception.matches(container);
    });
  });
}

bool matches_anything(const config::Exception& exception) {
  struct Place {
    const char *before, *behind;
  };
  constexpr std::array places = {Place{"", ""},
                                 Place{"/run/containerd/io.containerd.runtime.v2.task/moby/", ""},
                                 Place{"/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/", ""},
                                 Place{"/run/containerd/io.containerd.runtime.v2.task/k8s.io/", ""},
                                 Place{"/run/containerd/io.containerd.runtime.v2.task/default/", ""},
                                 Place{"/run/containers/storage/overlay-containers/", "/userdata"},
                                 Place{"/var/lib/containers/storage/overlay-containers/", "/userdata"}};
  return std::any_of(places.begin(), places.end(),
                     [&](const Place& place) { return matches_strangers(exception, place.before, place.behind); });
}

// Why a line could not be written into the file; empty if it could.
std::string log_fault(const std::string& path) {
  const host::Fd file(open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat stat {};
  if (!file && errno != ENOENT) return host::quoted(path) + " cannot be opened: " + host::reason(errno);
  if (file && (fstat(file.get(), &stat) != 0 || !S_ISREG(stat.st_mode)))
    return host::quoted(path) + " is no regular file";
  const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  // A file without a name, which nobody sees and which ends with us, tells of a full disk and of quotas too.
  const host::Fd trial(open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!trial && errno == EOPNOTSUPP) return {};  // a file system that has none
  if (!trial) return "no file can be made in " + host::quoted(folder) + ": " + host::reason(errno);
  const std::string line(4096, '\n');
  if (write(trial.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return "nothing can be written in " + host::quoted(folder) + ": " + host::reason(errno);
  return {};
}

bool syslog_listens() {
  const host::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un log{};
  log.sun_family = AF_UNIX;
  std::strcpy(log.sun_path, "/dev/log");
  return socket && connect(socket.get(), reinterpret_cast<const sockaddr*>(&log), sizeof log) == 0;
}

}  // namespace

void check_settings(const std::string& settings, const shim::Policy& policy, Diagnosis& diagnosis) {
  check_place("settings-changeable", "the settings", settings, diagnosis);
  for (const config::Problem& problem : policy.settings_problems())
    diagnosis.add("settings-broken", Severity::warning, "the settings " + host::quoted(settings),
                  problem.text() + " (no container is created until this is mended)", edit(settings));
  const config::Settings& now = policy.settings();
  if (now.mode == config::Mode::audit)
    diagnosis.add("mode-audit", Severity::critical, "the settings " + host::quoted(settings),
                  settings + R"(: "mode" is "audit": everything runs, and what should be refused is only recorded)",
                  R"(set "mode" to "enforce": )" + edit(settings));
  if (now.runtime_options.contains("--config"))
    diagnosis.add("option-unjudged", Severity::critical, "the settings " + host::quoted(settings),
                  settings +
                      ": \"runtime_options\" has \"--config\", by which crun takes another file than the "
                      "config.json that is judged",
                  "take it out: " + edit(settings));
  for (std::size_t at = 0; at < config::exposure_names.size(); ++at) {
    if (now.actions[at] >= config::Settings().actions[at]) continue;  // allow, warn, refuse
    const bool refused = config::Settings().actions[at] == config::Action::refuse;
    const std::string name(config::exposure_names[at]);
    diagnosis.add(
        "exposure-not-refused", refused ? Severity::critical : Severity::warning, "the exposure " + name,
        settings + ": \"" + name + "\" is \"" + std::string(name_of(now.actions[at])) + "\", for every container",
        "set \"" + name + "\" to \"" + std::string(name_of(config::Settings().actions[at])) +
            "\", and except those that need it: " + edit(settings));
  }
}

void check_runtimes(const std::string& settings, const shim::Policy& policy, Diagnosis& diagnosis) {
  for (const auto& [name, path] : policy.settings().runtimes) {
    const std::string subject = "runtimes." + name + " in the settings";
    std::string program = path;
    if (host::is_shim(path)) {
      const auto kept = host::kept_beside(host::without_links(path));
      if (!kept || !kept->fault.empty()) {
        diagnosis.add(
            "runtime-unusable", Severity::warning, subject,
            host::quoted(path) + " is ipcguard-runtime itself, and " +
                (kept ? "what is kept beside it cannot be run: " + kept->fault : "no runtime is kept beside it") +
                " (its containers are refused)",
            "name the real runtime: " + edit(settings));
        continue;
      }
      program = kept->path;
    } else if (access(path.c_str(), X_OK) != 0) {
      diagnosis.add("runtime-unusable", Severity::warning, subject,
                    host::quoted(path) + " cannot be run: " + host::reason(errno) + " (its containers are refused)",
                    "install it, or name another: " + edit(settings));
      continue;
    }
    check_program("runtime", "the runtime", program, diagnosis);
  }
}

void check_allowlist(const std::string& allowlist, shim::Policy& policy, std::string_view today, Diagnosis& diagnosis) {
  check_place("allowlist-changeable", "the allowlist", allowlist, diagnosis);
  config::Allowlist in_force;
  for (const config::Problem& problem : policy.allowlist().problems)
    diagnosis.add("allowlist-broken", Severity::warning, "the allowlist file " + host::quoted(problem.file),
                  problem.text() + " (it grants nothing)", edit(problem.file));
  for (const config::Exception& exception : policy.allowlist().exceptions) {
    const std::string subject = "the exception " + host::quoted(exception.name);
    check_place("allowlist-changeable", "the allowlist file", exception.file, diagnosis);
    if (exception.expired(today)) {
      diagnosis.add("exception-expired", Severity::warning, subject,
                    place_of(exception) + ": it expired on " + exception.expires + " and grants nothing",
                    "delete it, or have it renewed: " + edit(exception.file));
      continue;
    }
    if (matches_anything(exception))
      diagnosis.add("exception-matches-everything", Severity::critical, subject,
                    place_of(exception) + ": its conditions hold for any container of its engine",
                    "name what needs it: " + edit(exception.file));
    in_force.exceptions.push_back(exception);
  }
  for (const config::Problem& problem : config::allowlist_warnings(in_force, today))
    diagnosis.add("exception-doubtful", Severity::warning, "the allowlist file " + host::quoted(problem.file),
                  problem.text(), edit(problem.file));
}

void check_log(const config::Settings::Log& log, Diagnosis& diagnosis) {
  const std::string fault = log_fault(log.file);
  if (!fault.empty()) {
    const std::string folder = log.file.substr(0, std::max<std::size_t>(log.file.rfind('/'), 1));
    diagnosis.add(
        "log-unwritable", Severity::warning, "the decision log " + host::quoted(log.file),
        fault + (syslog_listens() ? "; records go to syslog" : "; nobody listens at /dev/log either: records are lost"),
        "make room, or: install -d -m 0750 " + host::shell_word(folder));
  } else if (log.syslog && !syslog_listens()) {
    diagnosis.add("syslog-silent", Severity::warning, "the settings' log.syslog", "nobody listens at /dev/log",
                  "start a syslog daemon, or set log.syslog to false");
  }
  if (const auto weakness = host::weakness_of(log.file))
    diagnosis.add("log-changeable", Severity::warning, "the decision log " + host::quoted(log.file),
                  host::quoted(weakness->path) + ": " + weakness->what + ": records can be forged or removed",
                  weakness->command);
}

}  // namespace admin
