#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "admin/doctor_engine.h"
#include "engines/docker.h"
#include "engines/docker_live.h"
#include "engines/files.h"
#include "host/error.h"
#include "host/text.h"

namespace admin {

namespace {

using engines::Registration;
using engines::Registrations;

constexpr const char* default_config = "/etc/docker/daemon.json";
constexpr const char* default_socket = "/run/docker.sock";

// The first Unix socket that it listens on, by its options and its file; empty if there is none.
std::string socket_of(const engines::Process& process, const engines::Text& config) {
  std::vector<std::string> hosts = engines::flag_values(process.arguments, "host");
  for (std::string& host : engines::flag_values(process.arguments, "H")) hosts.push_back(std::move(host));
  const auto file = nlohmann::json::parse(config.value_or("{}"), nullptr, false);
  const auto listed = file.is_object() ? file.find("hosts") : file.end();
  if (listed != file.end() && listed->is_array())
    for (const auto& host : *listed)
      if (host.is_string()) hosts.push_back(host.get<std::string>());
  if (hosts.empty()) return default_socket;
  constexpr std::string_view unix_scheme = "unix://";
  for (const std::string& host : hosts) {
    if (host.starts_with(unix_scheme))
      return host.size() > unix_scheme.size() ? host.substr(unix_scheme.size()) : default_socket;
    if (host.starts_with("fd://")) return default_socket;  // systemd's docker.socket
  }
  return {};
}

void add_options(const engines::Process& process, Registrations& registrations) {
  for (const std::string& added : engines::flag_values(process.arguments, "add-runtime")) {
    const std::size_t equals = std::min(added.find('='), added.size());
    registrations.push_back(
        {added.substr(0, equals), added.substr(std::min(equals + 1, added.size())), "its option --add-runtime", false});
  }
  if (const auto chosen = engines::last_flag(process.arguments, "default-runtime")) {
    for (Registration& registration : registrations) registration.is_default = registration.name == *chosen;
    if (engines::default_of(registrations) == nullptr)  // the type of a containerd shim
      registrations.push_back({*chosen, *chosen, "its option --default-runtime", true});
  }
}

std::set<std::tuple<std::string, std::string, bool>> essence(const Registrations& registrations) {
  std::set<std::tuple<std::string, std::string, bool>> out;
  for (const Registration& one : registrations) {
    // What releases have built in is not the same.
    if (one.name == "runc" || one.name == "io.containerd.runc.v2" || one.name == "io.containerd.runtime.v1.linux")
      continue;
    out.emplace(one.name, one.path, one.is_default);
  }
  return out;
}

std::string shown(const Registrations& registrations) {
  std::string text;
  for (const Registration& one : registrations)
    text += (text.empty() ? "" : ", ") + host::quoted(one.name, 64) + " is " + host::quoted(one.path, 128) +
            (one.is_default ? " (the default)" : "");
  return text;
}

}  // namespace

void examine_docker(const Engine& engine) {
  const engines::Process& process = engine.process;
  const std::string config =
      engines::absolute(engines::last_flag(process.arguments, "config-file").value_or(default_config), process.folder);
  engine.diagnosis.examined.push_back(engine.subject + ": its options and " + host::quoted(config));
  check_files({config}, engine);

  // BuildKit in dockerd takes no account of the default runtime (moby, builder-next/executor_linux.go).
  const auto builder = process.environment.find("DOCKER_BUILDKIT_RUNC_COMMAND");
  const bool named = builder != process.environment.end() && !builder->second.empty();
  judge_first("buildkit-runtime", {named ? builder->second : "runc"},
              named ? "DOCKER_BUILDKIT_RUNC_COMMAND in its environment: docker build" : "built in: docker build", {},
              engine);

  const engines::Text text = engines::read_text(config);
  Registrations live, written;
  bool answered = false;
  if (process.pid > 0) {
    const std::string socket = socket_of(process, text);
    try {
      if (socket.empty()) throw host::Error(host::ErrorKind::unverifiable, "it listens on no Unix socket");
      live = engines::docker_live_registrations(socket);
      answered = true;
      engine.diagnosis.examined.push_back(engine.subject + ": GET /info on " + host::quoted(socket));
    } catch (const host::Error& error) {
      engine.add("not-asked", Severity::info, std::string(error.what()) + "; only its options and files were judged",
                 "ipcguard doctor, once it answers");
    }
  }
  for (const Registration& registration : live) judge(registration, engine);
  if (!answered) check_age({config}, Severity::critical, engine);

  written = engines::docker_registrations(text, config);
  add_options(process, written);
  for (const Registration& registration : written) judge(registration, engine);
  if (answered && essence(live) != essence(written))
    engine.add("not-reloaded", Severity::warning,
               "its file and options say: " + shown(written) + "; but it goes by: " + shown(live),
               "systemctl reload docker; what it has to forget takes: systemctl restart docker");
}

}  // namespace admin
