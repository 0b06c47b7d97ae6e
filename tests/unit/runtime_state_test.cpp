#include "oci/runtime_state.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using oci::Annotations;
using oci::is_id;
using oci::read_runtime_state;
using oci::RuntimeState;
using tests::data;
using tests::TempFolder;

namespace {

constexpr const char* type = "io.kubernetes.cri.container-type";
constexpr const char* sandbox = "io.kubernetes.cri.sandbox-id";

RuntimeState state_of(const TempFolder& folder) {
  const auto state = read_runtime_state(folder.path());
  REQUIRE(state);
  return *state;
}

// The kind of failure of reading a state.json with that text.
std::string kind(const std::string& text, const char* file = "state.json") {
  const TempFolder folder;
  folder.write(file, text);
  return tests::kind_of_failure([&] { read_runtime_state(folder.path()); });
}

std::string labelled(const std::string& labels) {
  return "{\"init_process_pid\":1,\"init_process_start\":2,\"config\":{\"labels\":" + labels + "}}";
}

}  // namespace

TEST_CASE("where a runtime has nothing there is no state") {
  const TempFolder folder;
  CHECK_FALSE(read_runtime_state(folder.path()));
  CHECK_FALSE(read_runtime_state(folder / "none"));
  folder.write("config.json", "{}");
  CHECK_FALSE(read_runtime_state(folder.path()));
}

TEST_CASE("the state of a pod's sandbox under runc 1.1 and containerd 1.6, as they wrote it") {
  const TempFolder folder;
  folder.write("state.json", data("cri-sandbox.runc-state.json"));
  const RuntimeState state = state_of(folder);
  CHECK(state.pid == 10133);
  CHECK(state.start_time == 283667);
  CHECK(state.bundle ==
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
        "78c16883d3fd42205b0848702d6a4ca41f27eb1bf29642da8631370df31b85a3");
  CHECK_FALSE(state.ipc_path);
  CHECK_FALSE(state.waits);
  CHECK(state.annotations.at(type) == "sandbox");
  CHECK(state.annotations.at(sandbox) == "78c16883d3fd42205b0848702d6a4ca41f27eb1bf29642da8631370df31b85a3");
  CHECK(state.annotations.size() == 4);  // with the pod's name and namespace
}

TEST_CASE("the state of a member of that pod") {
  const TempFolder folder;
  folder.write("state.json", data("cri-member.runc-state.json"));
  const RuntimeState state = state_of(folder);
  CHECK(state.pid == 10195);
  CHECK(state.ipc_path == "/proc/10133/ns/ipc");
  CHECK(state.annotations.at(type) == "container");
  CHECK(state.annotations.at(sandbox) == "78c16883d3fd42205b0848702d6a4ca41f27eb1bf29642da8631370df31b85a3");
}

TEST_CASE("the state of a container of Docker's") {
  const TempFolder folder;
  folder.write("state.json", data("docker-plain.runc-state.json"));
  const RuntimeState state = state_of(folder);
  CHECK(state.pid == 7391);
  CHECK(state.start_time == 276190);
  CHECK(state.annotations.empty());
}

TEST_CASE("the state of a container under crun 1.8 and Podman, as they wrote it") {
  const TempFolder folder;
  folder.write("status", data("crun.status"));
  CHECK(state_of(folder).pid == 18687);
  CHECK(state_of(folder).start_time == 288268);
  CHECK(state_of(folder).bundle ==
        "/var/lib/containers/storage/vfs-containers/"
        "5850db9447c1c250d55f1300c497c1882781d208e20da7bcfeb7c6ef86a22bad/userdata");
  CHECK_FALSE(state_of(folder).ipc_path);
  CHECK(state_of(folder).annotations.empty());
  folder.write("config.json", data("crun.config.json"));
  CHECK(state_of(folder).pid == 18687);
  CHECK(state_of(folder).annotations.empty());
}

TEST_CASE("under crun the annotations are those of the copy of config.json beside the status") {
  const TempFolder folder;
  folder.write("status", data("crun.status"));
  folder.write("config.json", R"({"annotations":{"io.kubernetes.cri-o.ImageRef":"b",
      "io.kubernetes.cri-o.SandboxID":"a","x":"y"}})");
  CHECK(state_of(folder).annotations ==
        Annotations{{"io.kubernetes.cri-o.ImageRef", "b"}, {"io.kubernetes.cri-o.SandboxID", "a"}});
  folder.write("config.json", R"({"annotations":{"a":"b","a":"c"}})");
  // As any state that cannot be understood.
  CHECK(tests::kind_of_failure([&] { read_runtime_state(folder.path()); }) == "unverifiable");
}

TEST_CASE("labels hold the annotations; one that could be two counts for neither") {
  const auto annotations = [](const std::string& labels) {
    const TempFolder folder;
    folder.write("state.json", labelled(labels));
    return state_of(folder).annotations;
  };
  CHECK(annotations("null").empty());
  CHECK(annotations("[]").empty());
  CHECK(annotations(R"(["bundle=/b","x","=","","io.kubernetes.cri.sandbox-id"])").empty());
  CHECK(annotations(R"(["io.kubernetes.cri.sandbox-id="])") == Annotations{{sandbox, ""}});
  CHECK(annotations(R"(["io.kubernetes.cri.sandbox-id=a=b"])") == Annotations{{sandbox, "a=b"}});
  const std::string honest = R"("io.kubernetes.cri.container-type=container")";
  const std::string forged = R"("io.kubernetes.cri.container-type=sandbox")";
  for (const std::string& labels : {honest + "," + forged, forged + "," + honest, forged + "," + forged,
                                    honest + "," + forged + "," + forged, forged + "," + honest + "," + forged}) {
    CAPTURE(labels);
    CHECK(annotations("[" + labels + "]") == Annotations{{type, ""}});
  }
}

TEST_CASE("a state that cannot be understood is an error, not an absence") {
  const std::string good = R"({"init_process_pid":1,"init_process_start":2})";
  CHECK(kind(good).empty());
  for (const std::string& text : std::vector<std::string>{
           "", good + "x", R"({"init_process_pid":2147483648,"init_process_start":2})",
           R"({"init_process_pid":18446744073709551615})", R"({"init_process_pid":-1})", R"({"init_process_pid":"1"})",
           R"({"init_process_pid":1,"Init_process_pid":2})", R"({"init_process_pid":null})", labelled("[1]"),
           labelled("{}"), R"({"init_process_pid":1,"config":{"namespaces":[{"type":1}]}})",
           R"({"init_process_pid":1,"config":{"namespaces":[{"path":"/a","Path":"/b"}]}})"}) {
    CAPTURE(text);
    CHECK(kind(text) == "unverifiable");
  }
  CHECK(kind(R"({"init_process_pid":2147483647,"init_process_start":2})").empty());
  CHECK(kind(R"({"pid":1,"process-start-time":2})", "status").empty());
  CHECK(kind("pid 1", "status") == "unverifiable");
  CHECK(kind(R"({"pid":"1"})", "status") == "unverifiable");
}

TEST_CASE("a state that names no process is an absence") {
  for (const char* text : {"{}", R"({"init_process_pid":0,"init_process_start":2})",
                           R"({"pid":null,"status":"stopped"})", R"({"pid":0})"}) {
    const TempFolder folder;
    folder.write("state.json", text);
    CHECK_FALSE(read_runtime_state(folder.path()));
  }
  const TempFolder folder;
  folder.write("status", R"({"pid":0})");
  CHECK_FALSE(read_runtime_state(folder.path()));
}

TEST_CASE("what namespace it was told to join, as runc read it") {
  const auto joined = [](const std::string& namespaces) {
    const TempFolder folder;
    folder.write("state.json", "{\"init_process_pid\":1,\"config\":{\"namespaces\":" + namespaces + "}}");
    return state_of(folder).ipc_path.value_or("none");
  };
  CHECK(joined("null") == "none");
  CHECK(joined("[]") == "none");
  CHECK(joined(R"([{"type":"NEWNS","path":""}])") == "none");
  CHECK(joined(R"([{"type":"NEWIPC","path":""}])") == "none");
  CHECK(joined(R"([{"type":"NEWIPC"}])") == "none");
  CHECK(joined(R"([{"type":"NEWPID","path":"/p"},{"type":"NEWIPC","path":"/i"},{"type":"NEWNS","path":"/m"}])") ==
        "/i");
  CHECK(joined(R"([{"path":"/i","type":"NEWIPC"},{"path":"/m","type":"NEWNS"}])") == "/i");
  CHECK(joined(R"([{"path":"/p","type":"NEWPID"},{"type":"NEWIPC"}])") == "none");
}

TEST_CASE("a container that was created and not started waits at its fifo") {
  const TempFolder folder;
  folder.write("state.json", R"({"init_process_pid":1,"init_process_start":2})");
  CHECK_FALSE(state_of(folder).waits);
  REQUIRE(mkfifo((folder / "exec.fifo").c_str(), 0622) == 0);
  CHECK(state_of(folder).waits);
}

TEST_CASE("whether it waits is not guessed: a folder that cannot be looked into is none that is not there") {
  const TempFolder folder;
  CHECK_FALSE(oci::waits_to_start(folder.path()));
  CHECK_FALSE(oci::waits_to_start(folder / "nothing"));
  CHECK_FALSE(oci::waits_to_start(folder.write("file", "")));
  CHECK_FALSE(oci::waits_to_start(folder / std::string(300, 'x')));  // no name of a container's
  REQUIRE(symlink("loop", (folder / "loop").c_str()) == 0);
  CHECK(tests::kind_of_failure([&] { oci::waits_to_start(folder / "loop"); }) == "unverifiable");
}

TEST_CASE("the state of youki, and of any runtime that is asked for it") {
  const std::string text = R"({"ociVersion":"1.0.2","id":"a","status":"created","pid":7,"bundle":"/b",
      "annotations":{"io.kubernetes.cri.sandbox-id":"s","x":"y"}})";
  const TempFolder folder;
  folder.write("state.json", text);
  for (const auto& state : {read_runtime_state(folder.path()), oci::read_state_output(text)}) {
    REQUIRE(state);
    CHECK(state->pid == 7);
    CHECK_FALSE(state->start_time);
    CHECK(state->bundle == "/b");
    CHECK(state->waits);
    CHECK_FALSE(state->ipc_path);
    CHECK(state->annotations == Annotations{{sandbox, "s"}});
  }
  const auto output = [](const std::string& status) {
    return oci::read_state_output("{\"pid\":7,\"status\":\"" + status + "\",\"annotations\":null}");
  };
  CHECK_FALSE(output("running")->waits);
  CHECK_FALSE(output("creating")->waits);
  CHECK_FALSE(oci::read_state_output(R"({"status":"stopped"})"));
  CHECK_FALSE(oci::read_state_output(R"({"status":"stopped","pid":0})"));
  for (const char* broken : {"", "container not found", R"({"pid":-1})", R"({"pid":1,"pid":2})", R"({"pid":1}{})"})
    CHECK_FALSE(tests::kind_of_failure([&] { oci::read_state_output(broken); }).empty());
}

TEST_CASE("where both runtimes left a file, runc's counts, even if it is broken") {
  const TempFolder folder;
  folder.write("state.json", R"({"init_process_pid":1,"init_process_start":2})");
  folder.write("status", R"({"pid":3,"process-start-time":4})");
  CHECK(state_of(folder).pid == 1);
  folder.write("state.json", "");
  CHECK_FALSE(tests::kind_of_failure([&] { read_runtime_state(folder.path()); }).empty());
}

TEST_CASE("a state that others could have written is not believed") {
  const TempFolder folder;
  const std::string path = folder.write("state.json", R"({"init_process_pid":1,"init_process_start":2})", 0666);
  CHECK(tests::kind_of_failure([&] { read_runtime_state(folder.path()); }) == "unverifiable");
  folder.write("state.json", R"({"init_process_pid":1,"init_process_start":2})");
  REQUIRE(chown(path.c_str(), tests::nobody, 0) == 0);
  CHECK(tests::kind_of_failure([&] { read_runtime_state(folder.path()); }) == "unverifiable");
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(symlink("/dev/null", path.c_str()) == 0);
  CHECK(tests::kind_of_failure([&] { read_runtime_state(folder.path()); }) == "unverifiable");
}

TEST_CASE("what can be a container's id") {
  for (const char* id : {"a", "A", "0", "_", "+", "a-b", "a.b", "...", ".a", "a..b", "x-", "help1", "H", "create",
                         "69111ca5e401254164c6a1415c03b2a2cf5b241df0a6d1d05975c95fae73e994"})
    CHECK(is_id(id));
  for (const std::string id :
       {"",    ".",   "..",  "-",   "-a",  "--help", "a/b", "/",      "../a",  "a b", " a",   "a ",
        "a,b", "a:b", "a\n", "a=b", "a@b", "a%b",    "a'b", "\u00e9", "a\xff", "h",   "help", "\u00a0"})
    CHECK_FALSE(is_id(id));
  CHECK_FALSE(is_id(std::string_view("a\0", 2)));
}
