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
  Container who(const std::string& at, const std::string& id) const {
    return shim::identify(at, id, {{folder / "containerd"}, {}, {folder / "data"}});
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
