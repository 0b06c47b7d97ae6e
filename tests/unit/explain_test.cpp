#include "config/explain.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using config::Allowlist;
using config::Container;
using config::Exception;
using config::ExposureKind;

namespace {

constexpr const char* today = "2026-11-21";

Container mps() {
  Container container;
  container.engine = host::Engine::docker;
  container.attributes = {{"name", "mps-1"}, {"image", "nvcr.io/nvidia/cuda:12"}};
  container.labels = {{"team", "ml"}};
  return container;
}

Exception exception(const std::string& name) {
  Exception exception;
  exception.name = name;
  exception.engines = {host::Engine::docker};
  exception.conditions = {{"name", {"mps-*"}}};
  exception.allow = {ExposureKind::host_ipc};
  return exception;
}

// "NAME: FAILED; FAILED", one text for each near miss.
std::vector<std::string> told(const std::vector<Exception>& exceptions, const std::vector<ExposureKind>& wanted) {
  const Allowlist allowlist{exceptions, {}};
  std::vector<std::string> out;
  for (const auto& miss : config::near_misses(wanted, mps(), allowlist, today)) {
    std::string text = miss.exception->name + ":";
    for (const std::string& failed : miss.failed) text += " " + failed + ";";
    out.push_back(text);
  }
  return out;
}

std::string told(const Exception& one, const std::vector<ExposureKind>& wanted = {ExposureKind::host_ipc}) {
  const auto all = told(std::vector{one}, wanted);
  return all.empty() ? "" : all[0];
}

}  // namespace

TEST_CASE("an exception that grants all is no near miss") {
  CHECK(told(exception("a")).empty());
  CHECK(told(exception("a"), {ExposureKind::host_ipc, ExposureKind::host_shm, ExposureKind::host_mqueue}).empty());
  CHECK(told(std::vector<Exception>{}, {ExposureKind::host_ipc}).empty());
}

TEST_CASE("each condition that does not hold is told, with what it is and what was wanted") {
  Exception engine = exception("a");
  engine.engines = {host::Engine::kubernetes, host::Engine::podman};
  CHECK(told(engine) == "a: engine is docker, wanted kubernetes or podman;");

  Exception image = exception("a");
  image.conditions["image"] = {"ceph:*", "rook:*"};
  CHECK(told(image) == "a: image is 'nvcr.io/nvidia/cuda:12', wanted 'ceph:*' or 'rook:*';");

  // An image goes by several names, here as in the decision.
  Exception full = exception("a");
  full.conditions["image"] = {"nvcr.io/nvidia/cuda:*"};
  CHECK(told(full).empty());

  Exception absent = exception("a");
  absent.conditions["pod"] = {"*"};
  CHECK(told(absent) == "a: pod is not known, wanted '*';");

  Exception labels = exception("a");
  labels.labels = {{"team", {"db"}}, {"tier", {"1"}}};
  CHECK(told(labels) == "a: label 'team' is 'ml', wanted 'db'; label 'tier' is not known, wanted '1';");

  Exception expired = exception("a");
  expired.expires = "2026-11-20";
  CHECK(told(expired) == "a: expired on 2026-11-20;");
  expired.expires = today;
  CHECK(told(expired).empty());

  CHECK(told(exception("a"), {ExposureKind::foreign_ipc, ExposureKind::host_shm, ExposureKind::foreign_ipc}) ==
        "a: does not allow foreign-ipc;");
}

TEST_CASE("a long list of globs is cut short, and foreign text is printable") {
  Exception one = exception("a");
  one.conditions["name"] = {"a", "b", "c", "d", "e", "f"};
  CHECK(told(one) == "a: name is 'mps-1', wanted 'a' or 'b' or 'c' or 'd' or one of 2 more;");
  one.conditions["name"] = {"\x1b[2J"};
  CHECK(told(one) == "a: name is 'mps-1', wanted '\\x1b[2J';");
}

TEST_CASE("the nearest come first, by name among equals, and five at most, whatever the order") {
  Exception far = exception("far");
  far.engines = {host::Engine::podman};
  far.conditions["name"] = {"x"};
  Exception near = exception("near");
  near.conditions["name"] = {"x"};
  Exception other = exception("also-near");
  other.expires = "2020-01-01";
  const std::vector<std::string> wanted{"also-near: expired on 2020-01-01;", "near: name is 'mps-1', wanted 'x';",
                                        "far: engine is docker, wanted podman; name is 'mps-1', wanted 'x';"};
  CHECK(told({far, near, other, exception("grants")}, {ExposureKind::host_ipc}) == wanted);
  CHECK(told({other, exception("grants"), near, far}, {ExposureKind::host_ipc}) == wanted);
  CHECK(told(std::vector(20, far), {ExposureKind::host_ipc}).size() == 5);
}
