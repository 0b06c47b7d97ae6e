#include "shim/identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using config::Container;
using host::Engine;

namespace {

const std::string real_id = "b74aad446dda3252022ae1e5a66e4544915d204afac6d9f091671a0692983f44";

// A host with Docker's and containerd's folders, and Docker's record of one container.
struct Host {
  Host() { folder.write("data/containers/" + real_id + "/config.v2.json", tests::data("docker.config.v2.json"), 0600); }
  std::string bundle(const std::string& name, const std::string& id) const {
    const std::string path = folder / "containerd/io.containerd.runtime.v2.task" + "/" + name + "/" + id;
    std::filesystem::create_directories(path);
    return path;
  }
  Container who(const std::string& at, const std::string& id) const { return who({at, id}); }
  Container who(const shim::Subject& subject) const {
    return shim::identify(subject, {{folder / "containerd"}, {}, {folder / "data"}, {folder / "graph"}});
  }
  tests::TempFolder folder;
};

}  // namespace

TEST_CASE("a bare call is known by id and bundle") {
  const Host host;
  const Container container = host.who("/some/bundle", "id");
  CHECK(container.engine == Engine::unknown);
  CHECK(container.attribute("id") == "id");
  CHECK(container.attribute("bundle") == "/some/bundle");
  CHECK(container.attributes.size() == 2);
  CHECK(container.unestablished.empty());
  CHECK_FALSE(host.who("/some/bundle", "").attribute("id"));
}

TEST_CASE("a container of Docker's is known by Docker's own record") {
  const Host host;
  const Container container = host.who(host.bundle("moby", real_id), real_id);
  CHECK(container.engine == Engine::docker);
  CHECK(container.attribute("name") == "labelled");
  CHECK(container.attribute("image") == "img:1");
  CHECK(container.attribute("image_id") == "sha256:baedeaaf709daa8ebc5fa93ed15f69c763bc0aa88c8a0af3ed6bc3140833d2c5");
  CHECK(container.labels.at("team") == "ml");
  CHECK(container.unestablished.empty());
}

TEST_CASE("where dockerd remaps user namespaces its records are one folder down") {
  const Host host;
  const std::string from = host.folder / "data/containers", to = host.folder / "data/100000.100000";
  std::filesystem::create_directories(to);
  std::filesystem::rename(from, to + "/containers");
  CHECK(host.who(host.bundle("moby", real_id), real_id).attribute("name") == "labelled");
  std::filesystem::rename(to, host.folder / "data/other");
  CHECK_FALSE(host.who(host.bundle("moby", real_id), real_id).attribute("name"));
}

TEST_CASE("what the record leaves empty is absent, which nothing matches") {
  const Host host;
  const std::string record = "data/containers/" + real_id + "/config.v2.json";
  host.folder.write(record, "{\"ID\":\"" + real_id + "\",\"Name\":\"\",\"Config\":{\"Image\":\"\"}}", 0600);
  const Container container = host.who(host.bundle("moby", real_id), real_id);
  for (const char* name : {"name", "image", "image_id"}) CHECK_FALSE(container.attribute(name));
}

TEST_CASE(
    "without a record that can be trusted, a container of Docker's has neither name nor image, and it is said why") {
  const Host host;
  const std::string bundle = host.bundle("moby", real_id), folder = host.folder / "data";
  const std::string record = folder + "/containers/" + real_id + "/config.v2.json";
  const auto unknown = [&](const std::string& at, const std::string& id) {
    const Container container = host.who(at, id);
    return container.engine == Engine::docker && !container.attribute("name") && !container.attribute("image") &&
           container.labels.empty() && !container.unestablished.empty();
  };
  CHECK(unknown(host.bundle("moby", "other"), "other"));
  CHECK(unknown(bundle, "another"));  // the bundle of one, the id of another
  CHECK(unknown(bundle, ""));
  REQUIRE(chmod(record.c_str(), 0602) == 0);
  CHECK(unknown(bundle, real_id));
  REQUIRE(chmod(record.c_str(), 0600) == 0);
  CHECK_FALSE(unknown(bundle, real_id));
  REQUIRE(chmod(folder.c_str(), 0777) == 0);
  CHECK(unknown(bundle, real_id));
  REQUIRE(chmod(folder.c_str(), 0755) == 0);
  host.folder.write("data/containers/" + real_id + "/config.v2.json", "{", 0600);
  CHECK(unknown(bundle, real_id));
}

TEST_CASE("a container of containerd's is known by its containerd namespace") {
  const Host host;
  const Container container = host.who(host.bundle("default", "id"), "id");
  CHECK(container.engine == Engine::containerd);
  CHECK(container.attribute("namespace") == "default");
  CHECK(container.attribute("id") == "id");
  CHECK_FALSE(host.who(host.bundle("default", "id"), "x").attribute("namespace"));
}

namespace {

const oci::Annotations cri_member{{"io.kubernetes.cri.sandbox-namespace", "ns"},
                                  {"io.kubernetes.cri.sandbox-name", "pod"},
                                  {"io.kubernetes.cri.container-type", "container"},
                                  {"io.kubernetes.cri.container-name", "app"},
                                  {"io.kubernetes.cri.image-name", "docker.io/library/app:1"}};

// Attributes but id and bundle: "name=value …".
std::string shown(const Container& container) {
  std::string out(host::name_of(container.engine));
  for (const auto& [name, value] : container.attributes)
    if (name != "id" && name != "bundle") out += " " + name + "=" + value;
  return out;
}

}  // namespace

TEST_CASE("under containerd's CRI its annotations tell, of a sandbox fewer than of a member") {
  const Host host;
  const std::string bundle = host.bundle("k8s.io", "id");
  CHECK(shown(host.who({bundle, "id", cri_member})) ==
        "kubernetes container=app image=docker.io/library/app:1 namespace=ns pod=pod");
  oci::Annotations sandbox = cri_member;  // with the last two by the user's hand
  sandbox["io.kubernetes.cri.container-type"] = "sandbox";
  CHECK(shown(host.who({bundle, "id", sandbox})) == "kubernetes namespace=ns pod=pod");
  CHECK(shown(host.who({bundle, "id", {}})) == "kubernetes");
  // CRI-O's mean nothing here
  CHECK(shown(host.who({bundle, "id", {{"io.kubernetes.pod.namespace", "kube-system"}}})) == "kubernetes");
}

TEST_CASE("annotations tell nothing under any other engine") {
  const Host host;
  for (const std::string& bundle : {host.bundle("default", "id"), host.bundle("moby", real_id), std::string("/b")}) {
    const Container container = host.who({bundle, std::filesystem::path(bundle).filename(), cri_member});
    for (const char* name : {"pod", "container"}) CHECK_FALSE(container.attribute(name));
    CHECK(container.attribute("namespace") != "ns");
  }
}

TEST_CASE("what is restored from a checkpoint has no image") {
  const Host host;
  shim::Subject subject{host.bundle("moby", real_id), real_id, {}, true};
  Container container = host.who(subject);
  CHECK(container.attribute("name") == "labelled");
  CHECK_FALSE(container.attribute("image"));
  CHECK_FALSE(container.attribute("image_id"));
  CHECK_FALSE(container.unestablished.empty());
  subject = {host.bundle("k8s.io", "id"), "id", cri_member, true};
  CHECK_FALSE(host.who(subject).attribute("image"));
  CHECK(host.who(subject).attribute("pod") == "pod");
}

namespace {

const std::string stored_id(64, 'e');

std::string record_of(const std::string& metadata) {
  std::string escaped;
  for (const char c : metadata) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
  return R"([{"id":")" + stored_id + R"(","names":["web","old"],"image":"beef","metadata":")" + escaped + "\"}]";
}
const std::string podmans = R"({"image-name":"docker.io/library/web:1","image-id":"x","name":"old"})",
                  crios = R"({"image-name":"pause","pod-id":"p","pod-name":"n","metadata-name":"m"})";

// What is known of a container in containers/storage with that record, at `where`.
struct Storage : Host {
  std::string bundle_at(const std::string& where) const {
    const std::string path = folder / where + "/overlay-containers/" + stored_id + "/userdata";
    std::filesystem::create_directories(path);
    return path;
  }
};

const oci::Annotations crio_member{{"io.kubernetes.pod.namespace", "ns"},
                                   {"io.kubernetes.pod.name", "pod"},
                                   {"io.kubernetes.container.name", "app"},
                                   {"io.kubernetes.cri-o.ImageName", "quay.io/app:1"},
                                   {"io.kubernetes.cri-o.ImageRef", "f00d"}};  // believed nowhere

}  // namespace

TEST_CASE("a container of Podman's is known by its storage's record, and not by annotations") {
  const Storage host;
  const std::string bundle = host.bundle_at("x");
  Container container = host.who({bundle, stored_id, crio_member});
  CHECK(shown(container) == "podman");
  CHECK(container.unestablished.find("no record") != std::string::npos);
  for (const char* file : {"volatile-containers.json", "containers.json"}) {
    host.folder.write(std::string("x/overlay-containers/") + file, record_of(podmans), 0600);
    container = host.who({bundle, stored_id, crio_member});
    CHECK(shown(container) == "podman image=docker.io/library/web:1 image_id=sha256:beef name=web");
    CHECK(container.unestablished.empty());
    std::filesystem::remove(host.folder / "x/overlay-containers/" + file);
  }
  host.folder.write("x/overlay-containers/containers.json", "[{]", 0600);
  CHECK(host.who({bundle, stored_id, crio_member}).unestablished.find("not JSON") != std::string::npos);
}

TEST_CASE("CRI-O is told from Podman by the record alone, wherever the bundle is") {
  const Storage host;
  const std::string bundle = host.bundle_at("run");
  host.folder.write("graph/overlay-containers/volatile-containers.json", record_of(crios), 0600);
  host.folder.write(
      "graph/overlay-images/images.json",
      R"([{"id":"f00d","names":["quay.io/other:1"]},{"names":["quay.io/b:1","quay.io/app:1"],"id":"beef"}])");
  CHECK(shown(host.who({bundle, stored_id, crio_member})) ==
        "kubernetes container=app image=quay.io/app:1 image_id=sha256:beef namespace=ns pod=pod");
  CHECK(shim::engine_of(bundle, {{}, {}, {}, {host.folder / "graph"}}) == Engine::kubernetes);
  CHECK(shim::engine_of(bundle, {{}, {}, {}, {}}) == Engine::podman);
  oci::Annotations sandbox = crio_member;  // in which the user can write what is CRI-O's own
  sandbox["io.kubernetes.container.name"] = "POD";
  CHECK(shown(host.who({bundle, stored_id, sandbox})) == "kubernetes namespace=ns pod=pod");
  CHECK(shown(host.who({bundle, stored_id, crio_member, true})) == "kubernetes");
}

// Annotations of a container's request, where device plugins have theirs, replace CRI-O's own.
TEST_CASE("under CRI-O an image has the id of its record, and only a name that the store has for that") {
  const Storage host;
  const std::string bundle = host.bundle_at("x");
  host.folder.write("x/overlay-containers/containers.json", record_of(crios), 0600);
  for (const char* images : {"[]", R"([{"id":"f00d","names":["quay.io/app:1"]}])", R"([{"id":"beef","names":["a"]}])",
                             R"([{"id":"beef","names":null},{"id":"x","names":["quay.io/app:1"]}])"}) {
    host.folder.write("x/overlay-images/images.json", images);
    const Container container = host.who({bundle, stored_id, crio_member});
    CHECK(shown(container) == "kubernetes container=app image_id=sha256:beef namespace=ns pod=pod");
    CHECK(container.unestablished == "CRI-O's storage has no name 'quay.io/app:1' for its image");
  }
  host.folder.write("x/overlay-images/images.json", "[");
  CHECK(host.who({bundle, stored_id, crio_member}).unestablished.find("images.json': ") != std::string::npos);
  std::filesystem::remove(host.folder / "x/overlay-images/images.json");
  oci::Annotations nameless = crio_member;  // as CRI-O has it for an image without names
  nameless["io.kubernetes.cri-o.ImageName"].clear();
  CHECK(host.who({bundle, stored_id, nameless}).unestablished.empty());
  CHECK(shown(host.who({bundle, stored_id, crio_member})) ==
        "kubernetes container=app image_id=sha256:beef namespace=ns pod=pod");
  // An image store of its own, that the settings name.
  host.folder.write("graph/overlay-images/images.json", R"([{"id":"beef","names":["quay.io/app:1"]}])");
  std::filesystem::create_directories(host.folder / "graph/overlay-containers");
  CHECK(shown(host.who({bundle, stored_id, crio_member})) ==
        "kubernetes container=app image=quay.io/app:1 image_id=sha256:beef namespace=ns pod=pod");
}

TEST_CASE("a record of CRI-O's form in a place that others can write to makes nobody CRI-O") {
  const Storage host;
  const std::string bundle = host.bundle_at("x"), folder = host.folder / "x/overlay-containers";
  host.folder.write("x/overlay-containers/containers.json", record_of(crios), 0600);
  CHECK(host.who({bundle, stored_id, crio_member}).engine == Engine::kubernetes);
  const std::string above = host.folder / "x";
  REQUIRE(chown(above.c_str(), tests::nobody, tests::nobody) == 0);
  CHECK(host.who({bundle, stored_id, crio_member}).engine == Engine::podman);
}
