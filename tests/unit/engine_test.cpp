#include "host/engine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Caller;
using host::Engine;
using host::EngineFolders;
using tests::TempFolder;

namespace {

const std::string libpod_id(64, 'a');

// A host whose engines keep their state in a folder.
struct Host {
  TempFolder folder;
  EngineFolders folders{{folder / "containerd", folder / "other"}, {folder / "docker"}, {folder / "data"}, {}};

  std::string bundle(const std::string& path) const {
    std::filesystem::create_directories(folder / path);
    return folder / path;
  }
  std::string seen(const std::string& path) const { return shown(host::recognise(bundle(path), folders)); }
  static std::string shown(const Caller& caller) {
    return std::string(host::name_of(caller.engine)) + " " + caller.containerd_namespace + " " + caller.id;
  }
};

constexpr const char* task = "/io.containerd.runtime.v2.task/";

}  // namespace

TEST_CASE("an engine is told by where it keeps its bundles") {
  const Host host;
  const std::string c = "containerd", d = "docker/containerd/daemon", t = task;
  CHECK(host.seen(c + t + "k8s.io/id") == "kubernetes k8s.io id");
  CHECK(host.seen("other" + t + "k8s.io/id") == "kubernetes k8s.io id");
  CHECK(host.seen(c + t + "default/id") == "containerd default id");
  CHECK(host.seen(c + t + "buildkit/id") == "containerd buildkit id");
  CHECK(host.seen(c + t + "moby/id") == "docker moby id");
  CHECK(host.seen(d + t + "moby/id") == "docker moby id");
  CHECK(host.seen(d + t + "plugins.moby/id") == "containerd plugins.moby id");
  CHECK(host.seen(c + "/io.containerd.runtime.v1.linux/moby/id") == "docker moby id");
  // Docker's own containerd has no pods.
  CHECK(host.seen(d + t + "k8s.io/id") == "containerd k8s.io id");
}

TEST_CASE("containers/storage is told by its layout") {
  const Host host;
  CHECK(host::recognise(host.bundle("x/overlay-containers/" + libpod_id + "/userdata"), host.folders).storage ==
        host.folder / "x/overlay-containers");
  CHECK(host.seen("x/overlay-containers/" + libpod_id + "/userdata") == "podman  " + libpod_id);
  CHECK(host.seen("x/vfs-containers/" + libpod_id + "/userdata") == "podman  " + libpod_id);
  CHECK(host.seen("x/overlay-containers/" + libpod_id.substr(1) + "/userdata") == "unknown  ");
  CHECK(host.seen("x/overlay-containers/" + libpod_id + "/userdata/x") == "unknown  ");
  CHECK(host.seen("x/overlay/" + libpod_id + "/userdata") == "unknown  ");
}

TEST_CASE("what only looks like an engine's folder is unknown") {
  const Host host;
  const std::string t = task;
  for (const std::string& path :
       {std::string("bundle"), "x/containerd" + t + "k8s.io/id", "containerd" + t + "k8s.io/id/x",
        "containerd" + t + "k8s.io", std::string("containerd/k8s.io/id"), "containerd/x" + t + "k8s.io/id",
        std::string("containerd/io.containerd.snapshotter.v1/k8s.io/id"), "containerdx" + t + "k8s.io/id",
        "docker" + t + "moby/id", "data" + t + "moby/id"}) {
    CAPTURE(path);
    CHECK(host.seen(path) == "unknown  ");
  }
  CHECK(Host::shown(host::recognise("", host.folders)) == "unknown  ");
  CHECK(Host::shown(host::recognise("/", host.folders)) == "unknown  ");
}

TEST_CASE("a folder that others than root can change proves nothing") {
  const Host host;
  const std::string path = std::string("containerd") + task + "k8s.io/id";
  const std::string bundle = host.bundle(path);
  for (const char* part :
       {"containerd", "containerd/io.containerd.runtime.v2.task", "containerd/io.containerd.runtime.v2.task/k8s.io"}) {
    CAPTURE(part);
    const std::string folder = host.folder / part;
    CHECK(host.seen(path) == "kubernetes k8s.io id");
    REQUIRE(chmod(folder.c_str(), 0775) == 0);
    CHECK(host.seen(path) == "unknown  ");
    REQUIRE(chmod(folder.c_str(), 0755) == 0);
    REQUIRE(chown(folder.c_str(), tests::nobody, 0) == 0);
    CHECK(host.seen(path) == "unknown  ");
    REQUIRE(chown(folder.c_str(), 0, 0) == 0);
  }
  // The bundle's own folder may belong to a container's root (user namespaces).
  REQUIRE(chown(bundle.c_str(), tests::nobody, tests::nobody) == 0);
  CHECK(host.seen(path) == "kubernetes k8s.io id");
}

TEST_CASE("the settings' folders may be links, as /var/run is") {
  const Host host;
  REQUIRE(symlink("containerd", (host.folder / "link").c_str()) == 0);
  const std::string bundle = host.bundle(std::string("containerd") + task + "k8s.io/id");
  const EngineFolders folders{{host.folder / "link"}, {}, {}, {}};
  CHECK(Host::shown(host::recognise(bundle, folders)) == "kubernetes k8s.io id");
  CHECK(Host::shown(host::recognise(bundle, {{}, {}, {}, {}})) == "unknown  ");
  CHECK(Host::shown(host::recognise(bundle, {{host.folder / "none", ""}, {}, {}, {}})) == "unknown  ");
}

TEST_CASE("a path without links") {
  const Host host;
  const std::string bundle = host.bundle("bundle");
  REQUIRE(symlink("bundle", (host.folder / "link").c_str()) == 0);
  CHECK(host::without_links(host.folder / "link/../link/.") == bundle);
  CHECK(host::without_links(host.folder / "none").empty());
  CHECK(host::without_links("").empty());
}
