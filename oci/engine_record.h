// What Docker itself has on disk about a container: <data root>/containers/<id>/config.v2.json. Unlike annotations,
// nobody who merely starts a container can write there.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace oci {

struct DockerRecord {
  std::string name;      // without Docker's leading slash
  std::string image;     // the reference as it was asked for: "postgres:15"
  std::string image_id;  // "sha256:…"
  std::map<std::string, std::string> labels;
};

// Docker's record of container `id` below `data_root`; nullopt if there is none. Throws host::Error if it is there and
// cannot be trusted or understood.
std::optional<DockerRecord> read_docker_record(const std::string& data_root, const std::string& id);

}  // namespace oci
