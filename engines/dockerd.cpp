#include "engines/dockerd.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engines/files.h"
#include "engines/http.h"
#include "host/error.h"
#include "host/file.h"
#include "host/text.h"

namespace engines {

namespace {

using Json = nlohmann::json;

std::string proc(pid_t pid, const std::string& file) { return "/proc/" + std::to_string(pid) + "/" + file; }

bool is_dockerd(pid_t pid) {
  struct stat stat {};
  return host::kernel_file(proc(pid, "comm")) == "dockerd\n" && ::stat(proc(pid, "").c_str(), &stat) == 0 &&
         stat.st_uid == 0;
}

bool sees_our_files(pid_t pid) {
  struct stat theirs {
  }, ours{};
  return stat(proc(pid, "ns/mnt").c_str(), &theirs) == 0 && stat("/proc/self/ns/mnt", &ours) == 0 &&
         theirs.st_ino == ours.st_ino;
}

// The number in /run/docker.pid, 0 if there is none.
pid_t recorded_pid() { return std::atoi(host::kernel_file("/run/docker.pid").c_str()); }

std::vector<std::string> arguments_of(pid_t pid) {
  std::vector<std::string> arguments;
  std::string text = read_text(proc(pid, "cmdline")).value_or("");
  for (std::size_t end = 0; (end = text.find('\0')) != std::string::npos; text.erase(0, end + 1))
    arguments.push_back(text.substr(0, end));
  return arguments;
}

// What `socket` says to `target`, as JSON; none if it does not answer or answers something else.
std::optional<Json> ask(const std::string& socket, const std::string& target) {
  const auto answer = http_get(socket, target);
  if (!answer) return std::nullopt;
  Json json = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::vector<std::string> option_values(const std::vector<std::string>& arguments, const std::string& name) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == name && i + 1 < arguments.size()) values.push_back(arguments[i + 1]);
    if (arguments[i].compare(0, name.size() + 1, name + "=") == 0)
      values.push_back(arguments[i].substr(name.size() + 1));
  }
  return values;
}

std::vector<Dockerd> Dockerd::find_all() {
  std::vector<Dockerd> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || !is_dockerd(pid) || !(sees_our_files(pid) || pid == recorded_pid())) continue;
    host::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd || !is_dockerd(pid)) continue;  // it is held now, and still what it was
    Dockerd dockerd(pid, std::move(pidfd));
    dockerd.arguments_ = arguments_of(pid);
    found.push_back(std::move(dockerd));
  }
  return found;
}

std::string Dockerd::config() const {
  const auto values = option_values(arguments_, "--config-file");
  if (values.empty()) return "/etc/docker/daemon.json";
  if (values.back().substr(0, 1) == "/") return values.back();
  std::error_code error;
  return (std::filesystem::read_symlink(proc(pid_, "cwd"), error) / values.back()).string();
}

std::string Dockerd::socket() const {
  auto hosts = option_values(arguments_, "--host");
  for (const std::string& host : option_values(arguments_, "-H")) hosts.push_back(host);
  const Json file = Json::parse(read_text(config()).value_or(""), nullptr, /*allow_exceptions=*/false);
  if (file.is_object() && file.contains("hosts") && file["hosts"].is_array())
    for (const Json& host : file["hosts"])
      if (host.is_string()) hosts.push_back(host);
  for (const std::string& host : hosts)
    if (host.compare(0, 7, "unix://") == 0) return host.substr(7);
  return "/run/docker.sock";
}

std::optional<Dockerd::Live> Dockerd::live() const {
  const auto info = ask(socket(), "/info");
  if (!info || !info->is_object()) return std::nullopt;
  Live live;
  live.default_runtime = text_of(*info, "DefaultRuntime");
  if (info->contains("Runtimes") && (*info)["Runtimes"].is_object())
    for (const auto& [name, runtime] : (*info)["Runtimes"].items()) live.runtimes[name] = text_of(runtime, "path");
  return live;
}

std::vector<std::string> Dockerd::containers_of(const std::vector<std::string>& runtimes) const {
  std::vector<std::string> names;
  const auto list = ask(socket(), "/containers/json");
  if (!list || !list->is_array()) return names;
  for (const Json& container : *list) {
    const auto details = ask(socket(), "/containers/" + text_of(container, "Id") + "/json");
    if (!details || !details->is_object() || !details->contains("HostConfig")) continue;
    const std::string runtime = text_of((*details)["HostConfig"], "Runtime");
    if (std::find(runtimes.begin(), runtimes.end(), runtime) == runtimes.end()) continue;
    const std::string name = text_of(*details, "Name");
    names.push_back(name.substr(0, 1) == "/" ? name.substr(1) : name);
  }
  return names;
}

void Dockerd::reload() const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGHUP, nullptr, 0) == 0) return;
  throw host::Error(host::ErrorKind::unverifiable,
                    "dockerd (pid " + std::to_string(pid_) + ") cannot be told to reload: " + host::reason(errno));
}

}  // namespace engines
