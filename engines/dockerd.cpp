#include "engines/dockerd.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engines/files.h"
#include "engines/http.h"

namespace engines {

namespace {

using Json = nlohmann::json;

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

std::vector<Dockerd> Dockerd::find_all() {
  std::vector<Dockerd> found;
  for (Daemon& process : Daemon::find_all("dockerd", "/run/docker.pid")) found.push_back(Dockerd(std::move(process)));
  return found;
}

std::string Dockerd::config() const {
  return process_.path_option("--config-file").value_or("/etc/docker/daemon.json");
}

std::string Dockerd::socket() const {
  auto hosts = option_values(process_.arguments(), "--host");
  for (const std::string& host : option_values(process_.arguments(), "-H")) hosts.push_back(host);
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

}  // namespace engines
