#include "engines/docker_live.h"

#include <nlohmann/json.hpp>

#include "engines/http.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Registrations docker_info_registrations(const std::string& body, const std::string& where) {
  const auto info = nlohmann::json::parse(body, nullptr, false);
  const auto runtimes = info.is_object() ? info.find("Runtimes") : info.end();
  if (!info.is_object() || runtimes == info.end() || !runtimes->is_object())
    throw host::Error(host::ErrorKind::unverifiable, where + " does not answer as Docker does");
  const std::string chosen = text_of(info, "DefaultRuntime");
  Registrations found;
  for (const auto& [name, runtime] : runtimes->items()) {
    if (!runtime.is_object()) continue;
    // One that is a shim of containerd's has a type instead, which may be told a path (moby,
    // api/types/system/runtime.go).
    std::string path = text_of(runtime, "path");
    if (const auto options = runtime.find("options"); path.empty() && options != runtime.end() && options->is_object())
      path = text_of(*options, "BinaryName");
    found.push_back({name, path.empty() ? text_of(runtime, "runtimeType") : path, where, name == chosen});
  }
  if (!chosen.empty() && default_of(found) == nullptr) found.push_back({chosen, chosen, where, true});
  return found;
}

Registrations docker_live_registrations(const std::string& socket) {
  const auto body = http_get(socket, "/info");
  if (!body)
    throw host::Error(host::ErrorKind::unverifiable, "nobody answers at Docker's socket " + host::quoted(socket));
  return docker_info_registrations(*body, "GET /info on " + socket);
}

}  // namespace engines
