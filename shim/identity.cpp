#include "shim/identity.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
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

// Podman and CRI-O leave out the algorithm, which Docker writes: "sha256:…".
std::string with_algorithm(const std::string& image_id) {
  return image_id.empty() || image_id.find(':') != std::string::npos ? image_id : "sha256:" + image_id;
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

struct Called {
  host::Caller caller;
  std::vector<std::string> places;           // of containers/storage, "…-containers": where records can be
  std::optional<oci::StorageRecord> record;  // in one of them
  std::string unrecorded;                    // why there is none
};

// The record of what lies in `caller.storage`. That is in the graph root, where a bundle of CRI-O's and one of a Podman
// with transient storage are not.
void find_record(Called& called, const host::EngineFolders& folders) {
  called.places = {called.caller.storage};
  const std::string drivers = std::filesystem::path(called.caller.storage).filename().string();
  for (const std::string& root : folders.containers_storage) {
    const std::string place = host::without_links(root + "/" + drivers);
    if (!place.empty() && host::only_root_can_change(place)) called.places.push_back(place);
  }
  called.unrecorded =
      "containers/storage has no record of it, neither beside its bundle nor below any of "
      "engines.containers_storage";
  for (const std::string& place : called.places) {
    try {
      called.record = oci::read_storage_record(place, called.caller.id);
    } catch (const host::Error& error) {
      called.unrecorded = error.what();
    }
    if (called.record) return;
  }
}

// A user can make a record of CRI-O's form in a storage of their own, so that is only believed where root alone writes.
Called who_called(const std::string& bundle, const host::EngineFolders& folders) {
  Called called{host::recognise(bundle, folders), {}, {}, {}};
  if (called.caller.storage.empty()) return called;
  find_record(called, folders);
  if (called.record && called.record->crio && host::only_root_can_change(called.caller.storage))
    called.caller.engine = host::Engine::kubernetes;
  return called;
}

void add_podman(config::Container& container, const Called& called) {
  container.unestablished = called.record ? std::string() : called.unrecorded;
  if (!called.record) return;
  add(container, "name", called.record->name);
  add(container, "image", called.record->image);
  add(container, "image_id", with_algorithm(called.record->image_id));
}

// Adds the annotation `key` as the attribute `name`.
void add_annotation(config::Container& container, const char* name, const oci::Annotations& annotations,
                    const char* key) {
  const auto found = annotations.find(key);
  if (found != annotations.end()) add(container, name, found->second);
}

// containerd's CRI writes these after the user's, but the last two for members only: in a sandbox's they can be the
// user's (pkg/cri/server, sandboxContainerSpec and containerSpec).
void add_containerd_cri(config::Container& container, const oci::Annotations& annotations) {
  add_annotation(container, "namespace", annotations, "io.kubernetes.cri.sandbox-namespace");
  add_annotation(container, "pod", annotations, "io.kubernetes.cri.sandbox-name");
  const auto type = annotations.find("io.kubernetes.cri.container-type");
  if (type == annotations.end() || type->second != "container") return;
  add_annotation(container, "container", annotations, "io.kubernetes.cri.container-name");
  add_annotation(container, "image", annotations, "io.kubernetes.cri.image-name");
}

// CRI-O writes the kubelet's labels last, after all annotations of the user's and of a container's request, where
// device plugins can have theirs (server/sandbox_run_linux.go; internal/factory/container, SpecAddAnnotations). What it
// writes of the image is not last, so the image is that of its record, and has the name only if its store says so.
// Restoring, it takes the labels from the checkpoint.
void add_crio(config::Container& container, const Subject& subject, const Called& called) {
  if (subject.restored) return;
  const oci::Annotations& annotations = subject.annotations;
  add_annotation(container, "namespace", annotations, "io.kubernetes.pod.namespace");
  add_annotation(container, "pod", annotations, "io.kubernetes.pod.name");
  const auto name = annotations.find("io.kubernetes.container.name");
  if (name == annotations.end() || name->second == "POD") return;
  add(container, "container", name->second);
  const std::string& image_id = called.record->image_id;
  add(container, "image_id", with_algorithm(image_id));
  const auto image = annotations.find("io.kubernetes.cri-o.ImageName");
  if (image == annotations.end() || image->second.empty()) return;
  const auto names_it = [&](const std::string& place) {  // "…-images", beside "…-containers"
    return oci::is_image_named(place.substr(0, place.rfind('-')) + "-images", image_id, image->second);
  };
  try {
    if (std::any_of(called.places.begin(), called.places.end(), names_it))
      add(container, "image", image->second);
    else
      container.unestablished = "CRI-O's storage has no name " + host::quoted(image->second) + " for its image";
  } catch (const host::Error& error) {
    container.unestablished = error.what();
  }
}

}  // namespace

config::Container identify(const Subject& subject, const host::EngineFolders& folders) {
  const Called called = who_called(subject.bundle, folders);
  const host::Caller& caller = called.caller;
  config::Container container;
  container.engine = caller.engine;
  add(container, "bundle", subject.bundle);
  add(container, "id", subject.id);
  if (!caller.id.empty() && caller.id != subject.id) {
    container.unestablished = "its bundle is that of " + host::quoted(caller.id);
    return container;
  }
  switch (caller.engine) {
    case host::Engine::docker: add_docker(container, caller.id, folders); break;
    case host::Engine::kubernetes:
      if (called.record)
        add_crio(container, subject, called);
      else
        add_containerd_cri(container, subject.annotations);
      break;
    case host::Engine::podman: add_podman(container, called); break;
    case host::Engine::containerd: container.attributes["namespace"] = caller.containerd_namespace; break;
    case host::Engine::unknown: break;
  }
  if (subject.restored) {
    for (const char* name : {"image", "image_id"}) container.attributes.erase(name);
    container.unestablished = "it is restored from a checkpoint, whose content no image vouches for";
  }
  return container;
}

host::Engine engine_of(const std::string& bundle, const host::EngineFolders& folders) {
  return who_called(bundle, folders).caller.engine;
}

}  // namespace shim
