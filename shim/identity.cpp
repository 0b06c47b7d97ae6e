#include "shim/identity.h"

#include "host/error.h"
#include "host/file.h"
#include "host/text.h"
#include "oci/engine_record.h"

namespace shim {

namespace {

void add_docker(config::Container& container, const std::string& id, const host::EngineFolders& folders) {
  container.unestablished = "Docker has no record of it below any of engines.docker_data_root";
  for (const std::string& data_root : folders.docker_data_root) {
    const std::string root = host::without_links(data_root);
    if (root.empty() || !host::only_root_can_change(root)) continue;
    try {
      auto record = oci::read_docker_record(root, id);
      if (!record) continue;
      container.attributes["name"] = record->name;
      container.attributes["image"] = record->image;
      container.attributes["image_id"] = record->image_id;
      container.labels.insert(record->labels.begin(), record->labels.end());
      container.unestablished.clear();
      return;
    } catch (const host::Error& error) {
      container.unestablished = error.what();
    }
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
