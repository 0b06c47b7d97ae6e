#include "oci/bundle.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "host/error.h"
#include "host/mounts.h"
#include "host/text.h"
#include "host/wire.h"
#include "oci/sandboxed.h"

namespace oci {

namespace {

using host::Error;
using host::ErrorKind;

constexpr std::size_t max_text = 4096;                     // PATH_MAX, and more than any annotation that we read has
constexpr std::size_t max_answer = std::size_t{4} << 20U;  // some thousand mounts

constexpr std::array<std::string_view, 14> kept_annotations = {
    // containerd, pkg/cri/annotations
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri.sandbox-id",
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.cri.sandbox-name",
    "io.kubernetes.cri.container-name",
    "io.kubernetes.cri.image-name",
    // CRI-O, pkg/annotations, and the kubelet's labels, which it writes as annotations
    "io.kubernetes.cri-o.SandboxID",
    "io.kubernetes.cri-o.ImageName",
    "io.kubernetes.cri-o.ImageRef",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.uid",
    "io.kubernetes.container.name",
    "org.criu.config",
};

enum Tag {
  unread,
  annotation,
  listed,
  listed_type,
  listed_path,
  root_path,
  cgroups_path,
  device,
  device_path,
  mount,
  destination,
  mount_type,
  source,
  option
};

constexpr Shape::Member entry_members[] = {{"type", text(listed_type)}, {"path", text(listed_path)}};
constexpr Shape entry_shape = object(entry_members, listed);
constexpr Shape::Member device_members[] = {{"path", text(device_path)}};
constexpr Shape device_shape = object(device_members, device);
constexpr Shape::Member linux_members[] = {{"namespaces", array(entry_shape)},
                                           {"cgroupsPath", nullable(text(cgroups_path))},
                                           {"devices", nullable(array(device_shape))}};
constexpr Shape option_shape = text(option);
constexpr Shape::Member mount_members[] = {{"destination", text(destination)},
                                           {"type", text(mount_type)},
                                           {"source", text(source)},
                                           {"options", array(option_shape)}};
constexpr Shape mount_shape = object(mount_members, mount);
constexpr Shape::Member root_members[] = {{"path", text(root_path)}};
constexpr Shape::Member config_members[] = {{"annotations", map(annotation)},
                                            {"linux", object(linux_members)},
                                            {"mounts", array(mount_shape)},
                                            {"root", object(root_members)}};
constexpr Shape config_json = object(config_members);

// The namespaces whose entries are read, in the order of Bundle.
constexpr std::array<std::string_view, 3> namespace_types = {"ipc", "pid", "mount"};

// Whether it is a path of the host's /dev, in which links are root's, that leads to no memory or descriptor: engines
// list a hundred of them for what is privileged, and to look up each takes too long.
bool is_ordinary_device(std::string_view path) {
  constexpr std::string_view dev = "/dev/";
  constexpr std::array<std::string_view, 6> others = {"shm", "mqueue", "fd", "stdin", "stdout", "stderr"};
  if (!path.starts_with(dev) || path.find("/.") != std::string_view::npos || path.find("//") != std::string_view::npos)
    return false;
  const std::string_view name = path.substr(dev.size(), path.find('/', dev.size()) - dev.size());
  return std::find(others.begin(), others.end(), name) == others.end();
}

class BundleListener final : public Listener {
 public:
  void opened(int tag) override {
    if (tag == listed) entries_.emplace_back();
    if (tag == device) devices_.emplace_back();
    if (tag == mount) mounts_.emplace_back();
  }
  void text(int tag, std::string_view value) override {
    if (tag != option && value.size() >= max_text)
      throw Error(ErrorKind::invalid_config, "a type or path in linux, mounts or root is longer than a path can be");
    switch (tag) {
      case listed_type: entries_.back().type = value; break;
      case listed_path: entries_.back().path = value; break;
      case root_path: root_ = value; break;
      case cgroups_path: cgroups_path_ = value; break;
      case device_path: devices_.back() = value; break;
      case destination: mounts_.back().destination = value; break;
      case mount_type: mounts_.back().type = value; break;
      case source: mounts_.back().source = value; break;
      case option: read_option(mounts_.back(), value); break;
      default: break;
    }
  }
  void entry(int /*tag*/, std::string_view key, std::string_view value) override {
    if (!is_kept_annotation(key)) return;
    if (value.size() >= max_text)
      throw Error(ErrorKind::invalid_config, "the annotation " + host::quoted(key) + " is too long");
    annotations_.emplace(key, value);
  }

  std::string packed() const {
    host::Packer facts;
    for (const std::string_view type : namespace_types) pack_namespace(facts, type);
    facts.text(cgroups_path_);
    facts.map(annotations_);
    std::vector<MountSource> sources;
    // A runtime binds the root file system, with what is mounted below it, onto itself.
    if (!root_.empty()) sources.push_back({"root.path", root_, true, true});
    for (std::size_t at = 0; at < mounts_.size(); ++at) add_sources(sources, mounts_[at], at);
    add_devices(sources);
    facts.number(sources.size());
    for (const MountSource& one : sources) {
      facts.text(one.name);
      facts.text(one.path);
      facts.number(one.recursive ? 1 : 0);
      facts.number(one.root ? 1 : 0);
    }
    return facts.take();
  }

 private:
  struct Entry {
    std::string type;
    std::optional<std::string> path;
  };
  struct Mount {
    std::string destination, type, source;
    bool bind = false, recursive = false;
    std::vector<std::string> layers;
  };

  // runc and crun take a mount for a bind by its options, whatever its type is.
  static void read_option(Mount& mount, std::string_view value) {
    if (value == "bind" || value == "rbind") mount.bind = true;
    // crun takes a recursive propagation for a recursive bind, since both set MS_REC (measured with 1.8.1).
    constexpr std::array<std::string_view, 5> recursive = {"rbind", "rprivate", "rslave", "rshared", "runbindable"};
    if (std::find(recursive.begin(), recursive.end(), value) != recursive.end()) mount.recursive = true;
    // Runtimes join options with commas, before which a backslash hides that from the kernel.
    if ((value.size() - (value.find_last_not_of('\\') + 1)) % 2 == 1)
      throw Error(ErrorKind::ambiguous_config,
                  "the mount option " + host::quoted(value, 128) + " ends in a backslash, which joins it to the next");
    for (std::string& folder : host::overlay_folders(value)) mount.layers.push_back(std::move(folder));
  }

  static void add_sources(std::vector<MountSource>& sources, const Mount& mount, std::size_t at) {
    const std::string name = "mounts[" + std::to_string(at) + "] on " + host::quoted(mount.destination, 128);
    if (mount.bind || mount.type == "bind") sources.push_back({name, mount.source, mount.recursive, false});
    for (const std::string& layer : mount.layers) {
      if (!layer.starts_with('/'))
        throw Error(ErrorKind::ambiguous_config, name + ": runtimes take the layer " + host::quoted(layer, 128) +
                                                     " from different folders: name it by an absolute path");
      sources.push_back({name, layer, false, false});
    }
  }

  bool has(std::string_view type) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.type == type; });
  }

  // Where a container has a user namespace, or the runtime is in one, or mknod(2) says EPERM, as a file system without
  // device nodes has it, runc binds what the host has at a device's path (libcontainer/rootfs_linux.go), whatever it
  // is.
  void add_devices(std::vector<MountSource>& sources) const {
    const bool user = has("user");
    for (std::size_t at = 0; at < devices_.size(); ++at)
      if (user || !is_ordinary_device(devices_[at]))
        sources.push_back({"linux.devices[" + std::to_string(at) + "]", devices_[at], false, false});
  }

  void pack_namespace(host::Packer& facts, std::string_view type) const {
    const auto is_it = [&](const Entry& entry) { return entry.type == type; };
    const auto found = std::find_if(entries_.begin(), entries_.end(), is_it);
    if (std::count_if(entries_.begin(), entries_.end(), is_it) > 1)
      throw Error(ErrorKind::ambiguous_config,
                  "linux.namespaces has more than one " + std::string(type) + " entry; runtimes read that differently");
    // To runc an empty path is none; crun and youki try to open it.
    if (found != entries_.end() && found->path && found->path->empty())
      throw Error(ErrorKind::ambiguous_config,
                  "the " + std::string(type) + " entry's path is empty; runtimes read that differently: leave it out");
    facts.number(found != entries_.end() ? 1 : 0);
    if (found == entries_.end()) return;
    facts.number(found->path ? 1 : 0);
    if (found->path) facts.text(*found->path);
  }

  std::vector<Entry> entries_;
  std::vector<Mount> mounts_;
  std::vector<std::string> devices_;
  std::string root_, cgroups_path_;
  Annotations annotations_;
};

std::optional<Namespace> unpack_namespace(host::Unpacker& facts) {
  if (!facts.flag()) return std::nullopt;
  return Namespace{facts.flag() ? std::optional(facts.text()) : std::nullopt};
}

}  // namespace

Bundle read_bundle(std::string_view document, const std::function<void()>& meanwhile) {
  const std::string answer = read_sandboxed(document, config_json, BundleListener(), max_answer, meanwhile);
  host::Unpacker facts(answer);
  Bundle bundle;
  for (auto* one : {&bundle.ipc, &bundle.pid, &bundle.mount}) *one = unpack_namespace(facts);
  bundle.cgroups_path = facts.text();
  bundle.annotations = facts.map();
  for (auto left = facts.number(); left > 0; --left) {
    MountSource one{facts.text(), facts.text(), false, false};
    one.recursive = facts.flag();
    one.root = facts.flag();
    bundle.sources.push_back(std::move(one));
  }
  facts.end();
  return bundle;
}

bool is_kept_annotation(std::string_view key) {
  return std::find(kept_annotations.begin(), kept_annotations.end(), key) != kept_annotations.end();
}

}  // namespace oci
