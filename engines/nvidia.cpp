#include "engines/nvidia.h"

#include <filesystem>

#include "engines/files.h"
#include "engines/toml.h"
#include "host/error.h"

namespace engines {

bool is_nvidia_runtime(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  if (!name.starts_with("nvidia-container-runtime") || name.ends_with("-hook")) return false;
  try {
    // The name of its Go module, which every build has in it.
    return read_text(path).value_or(std::string()).find("NVIDIA/nvidia-container-toolkit") != std::string::npos;
  } catch (const host::Error&) {
    return false;
  }
}

std::vector<std::string> nvidia_low_level(const std::string& config) {
  const auto text = read_text(config);
  if (text) {
    const toml::table table = parse_toml(*text, config);
    std::vector<std::string> runtimes;
    if (const auto* list = table["nvidia-container-runtime"]["runtimes"].as_array())
      for (const auto& entry : *list)
        if (const auto name = entry.value<std::string>()) runtimes.push_back(*name);
    if (!runtimes.empty()) return runtimes;
  }
  return {"docker-runc", "runc", "crun"};  // of the defaults of 1.0 to 1.17, all
}

}  // namespace engines
