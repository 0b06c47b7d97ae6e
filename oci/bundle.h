// What a bundle's config.json declares, as far as it bears on IPC (OCI runtime specification, config-linux.md).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace oci {

// Larger documents are refused: real ones have kilobytes.
constexpr std::size_t max_document = std::size_t{16} << 20U;

using Annotations = std::map<std::string, std::string>;

struct IpcNamespace {
  std::string path;  // of a namespace to join; empty for a new one
};

struct Bundle {
  std::optional<IpcNamespace> ipc;  // none: the container stays in the namespace the runtime was started in
  Annotations annotations;          // the few that is_kept_annotation names. They are claims: see shim/pod.h
};

// Reads a config.json in the sandbox. Throws host::Error (ambiguous_config, invalid_config, unverifiable).
Bundle read_bundle(std::string_view document);

// Whether it names a pod's sandbox, or configures CRIU.
bool is_kept_annotation(std::string_view key);

}  // namespace oci
