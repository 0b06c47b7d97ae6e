// What engines themselves have on disk about a container. Unlike annotations, nobody who merely starts a container can
// write there.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace oci {

// Of Docker: <data root>/containers/<id>/config.v2.json.
struct DockerRecord {
  std::string name;      // without Docker's leading slash
  std::string image;     // the reference as it was asked for: "postgres:15"
  std::string image_id;  // "sha256:…"
  std::map<std::string, std::string> labels;
};

// Docker's record of container `id` below `data_root`; nullopt if there is none. Throws host::Error if it is there and
// cannot be trusted or understood.
std::optional<DockerRecord> read_docker_record(const std::string& data_root, const std::string& id);

// Of containers/storage, where Podman and CRI-O keep theirs: <root>/<driver>-containers/containers.json and
// volatile-containers.json.
struct StorageRecord {
  std::string name;      // the first
  std::string image;     // the fully qualified reference, by what the engine noted
  std::string image_id;  // 64 hexadecimal digits, or empty
  bool crio = false;     // it has the members of CRI-O's metadata that Podman's never has
};

// The record of container `id` in `folder`; nullopt if there is none. Throws as above. The files are replaced by
// rename(2), so that no lock is needed to read them.
std::optional<StorageRecord> read_storage_record(const std::string& folder, const std::string& id);

// Whether the image `id` has the name `name` in the image store `folder`, <root>/<driver>-images, by its images.json.
// Throws as above.
bool is_image_named(const std::string& folder, const std::string& id, const std::string& name);

// Of containerd's shim: where the runtime that it calls for the bundle in `folder` keeps its state, which is a folder
// for each containerd namespace (core/runtime/v2, options.json); empty where the shim was told no place. Throws as
// above.
std::string read_shim_root(const std::string& folder);

}  // namespace oci
