// What a bundle's config.json declares, as far as it bears on IPC (OCI runtime specification, config-linux.md).
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oci {

// Larger documents are refused: real ones have kilobytes.
constexpr std::size_t max_document = std::size_t{16} << 20U;

using Annotations = std::map<std::string, std::string>;

struct Namespace {
  std::optional<std::string> path;  // of a namespace to join; none for a new one
};

// What a mount puts into the container from outside: the source of a bind, a layer of an overlay, or a device that may
// be bound.
struct MountSource {
  std::string name;        // of the mount in messages: "mounts[3] on '/dev/shm'"
  std::string path;        // as declared; may be relative to the bundle
  bool recursive = false;  // with all that is mounted below it
  bool root = false;       // it is the root file system
};

struct Bundle {
  // Where there is none the container stays in the namespace the runtime was started in.
  std::optional<Namespace> ipc, pid, mount;
  std::vector<MountSource> sources;  // of mounts, devices, and of the root file system
  std::string cgroups_path;          // linux.cgroupsPath; empty if there is none
  Annotations annotations;           // the few that is_kept_annotation names. They are claims: see shim/identity.h
};

// Reads a config.json in the sandbox; `meanwhile` runs beside it. Throws host::Error (ambiguous_config, invalid_config,
// unverifiable).
Bundle read_bundle(std::string_view document, const std::function<void()>& meanwhile = {});

// Whether it says whose container it is in a pod, as containerd's CRI and CRI-O do, or configures CRIU.
bool is_kept_annotation(std::string_view key);

}  // namespace oci
