#include "engines/runtime_name.h"

#include <algorithm>
#include <array>

namespace engines {

namespace {

constexpr std::string_view shim_name = "ipcguard-runtime";

// What a runtime is called, alone or as a part of a name: "runc", "runc.real", "docker-runc", "crun-1.8".
constexpr std::array<std::string_view, 12> runtime_names = {
    "runc", "crun", "youki", "runsc", "krun", "urunc", "kata", "railcar", "sysbox", "runj", "bwrap-oci", "runhcs"};

}  // namespace

bool sounds_like_runtime(std::string_view name) {
  if (name.starts_with("containerd-shim") || name.starts_with(shim_name)) return false;
  if (name.starts_with("nvidia-container-runtime")) return !name.ends_with("-hook");
  constexpr std::string_view breaks = "-._";
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find_first_of(breaks, at), name.size());
    const std::string_view part = name.substr(at, end - at);
    // "runc2" as well. A sandbox's helpers have its name too, and start no containers by themselves.
    const std::string_view word = part.substr(0, part.find_last_not_of("0123456789") + 1);
    if (word == "kata" || word == "sysbox") return name == "kata-runtime" || name == "sysbox-runc";
    if (std::find(runtime_names.begin(), runtime_names.end(), word) != runtime_names.end()) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace engines
