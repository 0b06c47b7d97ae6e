#include "config/image.h"

#include <string>

#include "config/allowlist.h"
#include "tests/unit/catch.h"

namespace {

std::string names(const std::string& image, const std::string& image_id = {}) {
  std::string out;
  for (const std::string& name : config::image_names(image, image_id)) out += (out.empty() ? "" : " ") + name;
  return out;
}

const std::string id(64, 'a'), digest = "sha256:" + std::string(64, 'b');

}  // namespace

TEST_CASE("a reference has the name it was asked for by, its full one and the one Docker shows") {
  CHECK(names("postgres:15") == "postgres:15 docker.io/library/postgres:15 postgres:15");
  CHECK(names("postgres") == "postgres docker.io/library/postgres:latest postgres:latest");
  CHECK(names("bitnami/postgres") == "bitnami/postgres docker.io/bitnami/postgres:latest bitnami/postgres:latest");
  CHECK(names("docker.io/library/postgres:15") ==
        "docker.io/library/postgres:15 docker.io/library/postgres:15 postgres:15");
  CHECK(names("index.docker.io/x/y:1") == "index.docker.io/x/y:1 docker.io/x/y:1 x/y:1");
  CHECK(names("docker.io/x:1") == "docker.io/x:1 docker.io/library/x:1 x:1");
  CHECK(names("library/x:1") == "library/x:1 docker.io/library/x:1 x:1");
  CHECK(names("library/x/y:1") == "library/x/y:1 docker.io/library/x/y:1 library/x/y:1");
  CHECK(names("nvcr.io/nvidia/cuda:12") == "nvcr.io/nvidia/cuda:12 nvcr.io/nvidia/cuda:12");
  CHECK(names("localhost/x:1") == "localhost/x:1 localhost/x:1");
  CHECK(names("host:5000/x") == "host:5000/x host:5000/x:latest");
  CHECK(names("host:5000") == "host:5000 docker.io/library/host:5000 host:5000");  // a tag
  CHECK(names("Host/x:1") == "Host/x:1 Host/x:1");
}

TEST_CASE("with a digest the tag counts for nothing") {
  CHECK(names("x@" + digest) == "x@" + digest + " docker.io/library/x@" + digest + " x@" + digest);
  CHECK(names("x:1@" + digest) == "docker.io/library/x@" + digest + " x@" + digest);
}

TEST_CASE("an id is no name, nor is the beginning of one") {
  CHECK(names(id) == id);
  CHECK(names(digest) == digest);
  CHECK(names("aaa", "sha256:" + id).empty());
  CHECK(names("aaa", id).empty());
  CHECK(names("aaa:1", "sha256:" + id) == "aaa:1 docker.io/library/aaa:1 aaa:1");
  CHECK(names("").empty());
}

TEST_CASE("what is no reference has no other name") {
  for (const char* text : {"X:1", "a b", "/x", "x/", ":", "x:", "x@", "x@sha256:ab", "a.b/", "a.b/X"}) {
    CAPTURE(text);
    CHECK(names(text).find("docker.io") == std::string::npos);
  }
}

TEST_CASE("an image condition matches by each of the names") {
  config::Exception exception;
  exception.engines = {host::Engine::docker};
  config::Container container;
  container.engine = host::Engine::docker;
  const auto matches = [&](const std::string& glob, const std::string& image) {
    exception.conditions["image"] = {glob};
    container.attributes["image"] = image;
    return exception.matches(container);
  };
  CHECK(matches("docker.io/library/postgres:15", "postgres:15"));
  CHECK(matches("postgres:*", "docker.io/library/postgres:15"));
  CHECK(matches("postgres:latest", "postgres"));
  CHECK_FALSE(matches("docker.io/library/postgres:15", "evil.io/library/postgres:15"));
  CHECK_FALSE(matches("postgres:15", "localhost/postgres:15"));
  CHECK_FALSE(matches("*", ""));
}
