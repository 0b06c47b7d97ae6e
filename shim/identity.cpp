#include "shim/identity.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "host/error.h"
#include "host/file.h"
#include "host/text.h"
#include "oci/engine_record.h"

namespace shim {

namespace {

// A data root and, where user namespaces are remapped, the folder "UID.GID" in it that dockerd then uses.
std::vector<std::string> data_roots(const std::string& root) {
  std::vector<std::string> roots{root};
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.find('.') != std::string::npos && name.find_first_not_of("0123456789.") == std::string::npos)
      roots.push_back(entry->path().string());
  }
  return roots;
}

void add(config::Container& container, const char* name, const std::string& value) {
  if (!value.empty()) container.attributes[name] = value;  // absent, rather than empty: "*" would match that
}

// Whether the record was there; why it could not be used is in container.unestablished.
bool add_docker_from(config::Container& container, const std::string& root, const std::string& id) {
  try {
    const auto record = oci::read_docker_record(root, id);
    if (!record) return false;
    add(container, "name", record->name);
    add(container, "image", record->image);
    add(container, "image_id", record->image_id);
    container.labels.insert(record->labels.begin(), record->labels.end());
    container.unestablished.clear();
    return true;
  } catch (const host::Error& error) {
    container.unestablished = error.what();
    return false;
  }
}

void add_docker(config::Container& container, const std::string& id, const host::EngineFolders& folders) {
  container.unestablished = "Docker has no record of it below any of engines.docker_data_root";
  for (const std::string& data_root : folders.docker_data_root) {
    const std::string root = host::without_links(data_root);
    if (root.empty()) continue;
    if (!host::only_root_can_change(root)) {
      container.unestablished = "others than root can change " + host::quoted(root);
      continue;
    }
    for (const std::string& one : data_roots(root))
      if (add_docker_from(container, one, id)) return;
  }
}

}  // namespace

config::Container identify(const std::string& bundle, const std::string& id, const host::EngineFolders& folders) {
  const host::Caller caller = host::recognise(bundle, folders);
  config::Container container;
  container.engine = caller.engine;
  container.attributes["bundle"] = bundle;
  if (!id.empty()) container.attributes["id"] = id;
  if (!caller.id.empty() && caller.id != id) {
    container.unestablished = "its bundle is that of " + host::quoted(caller.id);
  } else if (caller.engine == host::Engine::docker) {
    add_docker(container, caller.id, folders);
  } else if (caller.engine == host::Engine::containerd) {
    container.attributes["namespace"] = caller.containerd_namespace;
  }
  return container;
}

}  // namespace shim
