#include "engines/containerd_lookup.h"

#include "engines/toml.h"

namespace engines {

namespace {

constexpr const char* old_type = "io.containerd.runtime.v1.linux";

toml::table parsed(const std::string& dump) { return parse_toml(dump, "containerd's own dump"); }

}  // namespace

ContainerdLookup containerd_lookup(const std::string& dump) {
  const toml::table root = parsed(dump);
  ContainerdLookup lookup;
  const auto opt = root["plugins"]["io.containerd.internal.v1.opt"]["path"].value<std::string>();
  lookup.first = opt.value_or("/opt/containerd") + "/bin";
  // Of 2.x and of 1.x (core/runtime/v2/shim_manager.go, runtime/v2/manager.go).
  for (const char* plugin :
       {"io.containerd.shim.v1.manager", "io.containerd.runtime.v2.task", "io.containerd.runtime.v2.shim"}) {
    const toml::array* const variables = root["plugins"][plugin]["env"].as_array();
    if (variables == nullptr) continue;
    for (const auto& variable : *variables)
      if (const auto text = variable.value_or(std::string()); text.starts_with("PATH=")) lookup.path = text.substr(5);
  }
  return lookup;
}

Registrations containerd_old_runtimes(const std::string& dump) {
  const toml::table root = parsed(dump);
  const toml::table* const old = root["plugins"][old_type].as_table();
  if (old == nullptr) return {};
  const std::string runtime = (*old)["runtime"].value_or(std::string());
  return {{old_type, runtime.empty() ? "runc" : runtime, "built in", false}};
}

}  // namespace engines
