#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "engines/buildkit.h"
#include "engines/docker_live.h"
#include "engines/nvidia.h"
#include "engines/processes.h"
#include "engines/units.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::Kind;
using tests::TempFolder;

namespace {

// A process in a folder that stands for /proc; NULs in `arguments` and `environment` are written as '|'.
void process(const TempFolder& proc, const std::string& pid, const std::string& program, std::string arguments,
             std::string environment = {}) {
  for (std::string* text : {&arguments, &environment})
    for (char& letter : *text)
      if (letter == '|') letter = '\0';
  const auto put = [&](const char* name, const std::string& text) {
    return proc.write(std::string(pid).append("/").append(name), text);
  };
  put("cmdline", arguments);
  put("environ", environment);
  put("comm", program.substr(program.rfind('/') + 1).substr(0, 15) + "\n");
  put("status", "Name:\tx\nUid:\t0\t1000\t0\t0\n");
  put("stat", pid + " (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100 1 1");
  REQUIRE(symlink(program.c_str(), (proc / pid + "/exe").c_str()) == 0);
  REQUIRE(symlink("/work", (proc / pid + "/cwd").c_str()) == 0);
}

std::string registrations_text(const engines::Registrations& registrations) {
  std::string text;
  for (const auto& one : registrations) text += one.name + "=" + one.path + (one.is_default ? "* " : " ");
  return text;
}

}  // namespace

TEST_CASE("engines are told by their names, and by nobody else's") {
  for (const char* name : {"dockerd", "docker-dockerd", "dockerd-20.10", "dockerd.real", "dockerd2", "dockerd_old"})
    CHECK(engines::kind_of(name) == Kind::docker);
  CHECK(engines::kind_of("docker-containerd") == Kind::containerd);
  CHECK(engines::kind_of("containerd-1.7") == Kind::containerd);
  CHECK(engines::kind_of("crio") == Kind::crio);
  CHECK(engines::kind_of("buildkitd") == Kind::buildkit);
  for (const char* name : {"docker", "cri-dockerd", "dockerd-rootless.sh", "containerd-shim", "containerd-shim-runc-v2",
                           "containerd-stargz-grpc", "crictl", "crio-status", "conmon", ""})
    CHECK_FALSE(engines::kind_of(name));
}

TEST_CASE("processes of engines are found by any of their names") {
  const TempFolder proc;
  process(proc, "7", "/usr/bin/dockerd (deleted)", "/usr/bin/dockerd|--add-runtime|a=/b|", "PATH=/x:/y|EMPTY=|ODD|");
  process(proc, "8", "/opt/k3s", "containerd|-c|/k3s.toml|");
  process(proc, "9", "/usr/bin/podman", "podman|run|x|");
  process(proc, "10", "/usr/bin/podman", "podman|system|service|");
  process(proc, "11", "/usr/bin/bash", "bash|");
  process(proc, "12", "/usr/bin/crio", "");  // a zombie
  proc.write("self/cmdline", "dockerd");
  const auto found = engines::engine_processes(proc.path()).engines;
  REQUIRE(found.size() == 3);
  CHECK(found[0].pid == 7);
  CHECK(found[0].program == "/usr/bin/dockerd");
  CHECK(found[0].uid == 1000);
  CHECK(found[0].folder == "/work");
  CHECK(found[0].environment.at("PATH") == "/x:/y");
  CHECK(found[0].started > 0);
  CHECK(engines::last_flag(found[0].arguments, "add-runtime") == "a=/b");
  CHECK(found[1].kind == Kind::containerd);
  CHECK(found[2].pid == 10);
  CHECK(tests::kind_of_failure([&] { engines::engine_processes(proc / "none"); }) == "unverifiable");
}

TEST_CASE("options in the forms that engines take") {
  const std::vector<std::string> words = {"dockerd", "--host=a", "--host", "b",       "-H", "c",     "-H=d",
                                          "-He",     "-host",    "f",      "--hosts", "g",  "--host"};
  CHECK(engines::flag_values(words, "host") == std::vector<std::string>{"a", "b", "f", ""});
  CHECK(engines::flag_values(words, "H") == std::vector<std::string>{"c", "d", "e"});
  CHECK(engines::flag_values({"containerd", "-config=x"}, "c").empty());
  CHECK_FALSE(engines::last_flag(words, "none"));
  CHECK(engines::absolute("a", "/b") == "/b/a");
  CHECK(engines::absolute("/a", "/b") == "/a");
}

TEST_CASE("units: the first folder counts, drop-ins after it, variables and quotes") {
  const TempFolder folder;
  const std::vector<std::string> folders = {folder / "etc", folder / "lib"};
  folder.write("lib/docker.service",
               "[Unit]\nExecStart=/usr/bin/crio\n[Service]\nExecStart=/usr/bin/dockerd -H fd://\n");
  folder.write("lib/other.service", "[Service]\nExecStart=/usr/bin/other\n");
  folder.write("lib/containerd.service", "[Service]\nExecStart=/usr/bin/containerd\n");
  folder.write("etc/second.service",
               "[Service]\nEnvironmentFile=-" + folder / "defaults" +
                   "\n# a comment\nExecStart=-/usr/bin/dockerd \\\n; another\n  $MORE \"--label=a b\" --x=${ONE}\n");
  folder.write("defaults", "MORE=\"--add-runtime r=/raw\"\nONE=1\n");
  folder.write("lib/docker.service.d/10.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --first\n");
  folder.write("etc/docker.service.d/10.conf", "[Service]\nEnvironment=\"PATH=/a:/b\" X=1\n");
  REQUIRE(symlink("/dev/null", (folder / "etc/containerd.service").c_str()) == 0);
  const auto units = engines::engine_units(folders);
  REQUIRE(units.size() == 2);
  CHECK(units[0].arguments == std::vector<std::string>{"/usr/bin/dockerd", "-H", "fd://"});
  CHECK(units[0].environment.at("PATH") == "/a:/b");
  CHECK(units[0].pid == -1);
  CHECK(units[0].unit == folder / "lib/docker.service");
  CHECK(units[1].arguments ==
        std::vector<std::string>{"/usr/bin/dockerd", "--add-runtime", "r=/raw", "--label=a b", "--x=1"});
}

TEST_CASE("what Docker says of its runtimes") {
  const auto told = [](const std::string& body) {
    return registrations_text(engines::docker_info_registrations(body, "here"));
  };
  CHECK(told(R"({"Runtimes":{"runc":{"path":"runc"},"k":{"runtimeType":"io.containerd.kata.v2"},
      "b":{"runtimeType":"io.containerd.runc.v2","options":{"BinaryName":"/raw"}}},"DefaultRuntime":"k"})") ==
        "b=/raw k=io.containerd.kata.v2* runc=runc ");
  CHECK(told(R"({"Runtimes":{},"DefaultRuntime":"io.containerd.x.v1"})") == "io.containerd.x.v1=io.containerd.x.v1* ");
  for (const char* body : {"", "[]", "{}", R"({"Runtimes":[]})"})
    CHECK(tests::kind_of_failure([&] { told(body); }) == "unverifiable");
}

TEST_CASE("BuildKit's workers by file and options") {
  const TempFolder folder;
  const std::string config = folder.write("buildkitd.toml", "[worker.oci]\nbinary = \"/file\"\n");
  const auto workers = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"buildkitd", "--config", config});
    return engines::buildkit_workers(options, "/");
  };
  CHECK(workers({}).oci == std::vector<std::string>{"/file"});
  CHECK(workers({}).where == config + ": worker.oci.binary");
  CHECK(workers({"--oci-worker-binary=/option"}).oci == std::vector<std::string>{"/option"});
  CHECK(workers({"--oci-worker=false"}).oci.empty());
  folder.write("buildkitd.toml",
               "[worker.containerd.runtime]\nname = "
               "\"io.containerd.runc.v2\"\n[worker.containerd.runtime.options]\nBinaryName = \"/raw\"\n");
  CHECK(workers({}).oci == std::vector<std::string>{"buildkit-runc", "runc"});
  CHECK(workers({}).containerd == "/raw");
  CHECK(workers({"--containerd-worker-runtime", "io.containerd.kata.v2"}).containerd == "/raw");
  folder.write("buildkitd.toml", "nonsense");
  CHECK(tests::kind_of_failure([&] { workers({}); }) == "invalid-config");
}

TEST_CASE("nvidia-container-runtime by name and content, and what it becomes") {
  const TempFolder folder;
  const std::string content = "…github.com/NVIDIA/nvidia-container-toolkit…";
  CHECK(engines::is_nvidia_runtime(folder.write("nvidia-container-runtime.cdi", content)));
  CHECK_FALSE(engines::is_nvidia_runtime(folder.write("nvidia-container-runtime-hook", content)));
  CHECK_FALSE(engines::is_nvidia_runtime(folder.write("nvidia-container-runtime", "runc")));
  CHECK(engines::nvidia_low_level(folder / "none").size() == 3);
  const std::string config = folder.write("config.toml", "[nvidia-container-runtime]\nruntimes = [\"/a\", \"b\"]\n");
  CHECK(engines::nvidia_low_level(config) == std::vector<std::string>{"/a", "b"});
}
