#include "engines/buildkit.h"

#include <string_view>

#include "engines/files.h"
#include "engines/processes.h"
#include "engines/toml.h"

namespace engines {

std::string buildkit_config_of(const std::vector<std::string>& arguments, const std::string& folder) {
  return absolute(last_flag(arguments, "config").value_or(buildkit_config), folder);
}

BuildkitWorkers buildkit_workers(const std::vector<std::string>& arguments, const std::string& folder) {
  const std::string config = buildkit_config_of(arguments, folder);
  const Text text = read_text(config);
  const toml::table table = text ? parse_toml(*text, config) : toml::table();
  refuse_folded(table, config,
                {"worker.oci.binary", "worker.oci.enabled", "worker.containerd.runtime.name",
                 "worker.containerd.runtime.options.BinaryName"});
  const auto said = [&](const auto& node) { return node.template value<std::string>().value_or(std::string()); };

  BuildkitWorkers workers;
  workers.where = "built in";
  const auto oci = table["worker"]["oci"];
  std::string binary = said(oci["binary"]);
  if (!binary.empty()) workers.where = config + ": worker.oci.binary";
  if (const auto option = last_flag(arguments, "oci-worker-binary")) {
    binary = *option;
    workers.where = "--oci-worker-binary";
  }
  const bool off = !oci["enabled"].value<bool>().value_or(true) || last_flag(arguments, "oci-worker") == "false";
  // cmd/buildkitd/main_oci_worker.go, executor/runcexecutor/executor.go
  if (!off) workers.oci = binary.empty() ? std::vector<std::string>{"buildkit-runc", "runc"} : std::vector{binary};

  const auto runtime = table["worker"]["containerd"]["runtime"];
  workers.containerd = said(runtime["options"]["BinaryName"]);
  const std::string type = last_flag(arguments, "containerd-worker-runtime").value_or(said(runtime["name"]));
  if (workers.containerd.empty() && !type.starts_with("io.containerd.runc.")) workers.containerd = type;
  return workers;
}

}  // namespace engines
