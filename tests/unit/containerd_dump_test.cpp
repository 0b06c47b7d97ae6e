#include "engines/containerd_dump.h"

#include <algorithm>

#include "engines/containerd_text.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::check_containerd_change;
using engines::containerd_runtime_tables;
using engines::containerd_runtimes;

namespace {

const std::string shim = "/usr/local/bin/ipcguard-runtime";

// As containerd 1.6 prints it, in short.
const std::string old_dump = R"(
disabled_plugins = []
version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "p"
    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "runc"
      [plugins."io.containerd.grpc.v1.cri".containerd.default_runtime]
        runtime_type = ""
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
        base_runtime_spec = ""
        cni_max_conf_num = 0
        pod_annotations = ["a.b/*", "it's"]
        privileged_without_host_devices = true
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
          BinaryName = ""
          IoUid = 0
          SystemdCgroup = true
      [plugins."io.containerd.grpc.v1.cri".containerd.untrusted_workload_runtime]
        runtime_type = ""
)";
const std::string table =
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard]\n"
    "pod_annotations = [ \"a.b/*\", \"it's\" ]\n"
    "privileged_without_host_devices = true\n"
    "runtime_type = \"io.containerd.runc.v2\"\n\n"
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard.options]\n"
    "BinaryName = \"/usr/local/bin/ipcguard-runtime\"\n"
    "SystemdCgroup = true\n";

std::string changed(std::string text, const std::string& what, const std::string& with) {
  REQUIRE(text.find(what) != std::string::npos);
  return text.replace(text.find(what), what.size(), with);
}

// "name=path" of each, with a star at the default.
std::vector<std::string> runtimes(const std::string& dump) {
  std::vector<std::string> found;
  for (const engines::Registration& one : containerd_runtimes(dump))
    found.push_back(one.name + "=" + one.path + (one.is_default ? "*" : ""));
  std::sort(found.begin(), found.end());
  return found;
}
using List = std::vector<std::string>;

std::string wrong(const std::string& after, bool make_default = false) {
  return tests::failure([&] { check_containerd_change(old_dump, after, "ipcguard", shim, make_default); });
}

}  // namespace

TEST_CASE("the runtimes that containerd's CRI offers, by version of its configuration") {
  CHECK(runtimes(old_dump) == List{"runc=runc*"});
  CHECK(runtimes(changed(old_dump, "BinaryName = \"\"", "BinaryName = \"/opt/x\"")) == List{"runc=/opt/x*"});
  // containerd takes the key in any case.
  CHECK(runtimes(changed(old_dump, "BinaryName = \"\"", "binaryName = \"/opt/x\"")) == List{"runc=/opt/x*"});
  CHECK(runtimes(changed(old_dump, "default_runtime_name = \"runc\"", "default_runtime_name = \"x\"")) ==
        List{"runc=runc"});
  CHECK(runtimes(changed(old_dump, "disabled_plugins = []", "disabled_plugins = [\"cri\"]")).empty());
  CHECK(runtimes(changed(old_dump, "[]", "[\"io.containerd.grpc.v1.cri\"]")).empty());
  // Tables of their own, which 1.x still reads.
  CHECK(runtimes(changed(old_dump, "runtime_type = \"\"",
                         "runtime_type = \"io.containerd.runtime.v1.linux\"\nruntime_engine = \"/e\"")) ==
        List{"default=/e*", "runc=runc"});
  for (const std::string version : {"3", "4"})
    CHECK(runtimes("version = " + version + R"(
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.stale]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = 'kata'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes]
kata = { runtime_type = 'io.containerd.kata.v2', options = { BinaryName = 'no' } }
own = { runtime_type = 'io.containerd.runc.v2', runtime_path = '/opt/shim' }
odd = { runtime_type = 'odd' }
)") == List{"kata=containerd-shim-kata-v2*", "odd=odd", "own=/opt/shim"});
  CHECK(runtimes("version = 2\n").empty());
  CHECK(engines::containerd_newest_version("version = 4\n") == 4);
}

TEST_CASE("our runtime is the default one with the shim for runc, and no value that says nothing") {
  CHECK(containerd_runtime_tables(old_dump, "runc", "io.containerd.grpc.v1.cri", "ipcguard", shim) == table);
  CHECK(containerd_runtime_tables(changed(old_dump, "BinaryName", "binaryName"), "runc", "io.containerd.grpc.v1.cri",
                                  "ipcguard", shim) == table);
  CHECK(containerd_runtime_tables(
            "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\nruntime_type = "
            "'io.containerd.runc.v2'\n",
            "runc", "cri", "a.b",
            "") == "[plugins.cri.containerd.runtimes.\"a.b\"]\nruntime_type = \"io.containerd.runc.v2\"\n");
}

TEST_CASE("a default runtime that is no runc is not copied") {
  const auto refusal = [](const std::string& dump, const std::string& from) {
    return tests::failure([&] { containerd_runtime_tables(dump, from, "cri", "ipcguard", shim); });
  };
  for (const std::string type : {"io.containerd.kata.v2", "io.containerd.runsc.v1", "io.containerd.runc.v1"})
    CHECK(refusal(changed(old_dump, "io.containerd.runc.v2", type), "runc")
              .find("is no runc (its runtime_type is '" + type) != std::string::npos);
  CHECK(refusal(changed(old_dump, "base_runtime_spec", "runtime_path = \"/opt/shim\"\nbase_runtime_spec"), "runc")
            .find("is no runc") != std::string::npos);
  CHECK(refusal(old_dump, "other").find("not among its runtimes") != std::string::npos);
}

TEST_CASE("a change that containerd understands in another way is seen") {
  const std::string good = old_dump + table;
  CHECK(wrong(good).empty());
  CHECK(wrong(changed(good, "default_runtime_name = \"runc\"", "default_runtime_name = \"ipcguard\""), true).empty());
  CHECK(wrong(good, true).find("would still be 'runc'") != std::string::npos);
  CHECK(wrong(changed(good, "default_runtime_name = \"runc\"", "default_runtime_name = \"ipcguard\""))
            .find("default runtime") != std::string::npos);
  CHECK(wrong(old_dump).find("'ipcguard' is not there") != std::string::npos);
  CHECK(wrong(changed(good, "sandbox_image = \"p\"", "sandbox_image = \"q\"")).find("sandbox_image would change too") !=
        std::string::npos);
  CHECK(wrong(changed(good, "sandbox_image = \"p\"", "")).find("sandbox_image would change too") != std::string::npos);
  CHECK(wrong(changed(good, "/usr/local/bin/ipcguard-runtime", "/usr/bin/runc")).find("options.BinaryName") !=
        std::string::npos);
  const std::string copy = changed(table, "SystemdCgroup = true", "SystemdCgroup = false");
  CHECK(wrong(old_dump + copy).find("options.SystemdCgroup") != std::string::npos);
  CHECK(engines::same_containerd_configuration("imports = ['a']\nx = 1\n", "x = 1\n"));
  CHECK_FALSE(engines::same_containerd_configuration("x = 1\n", "x = 2\n"));
  // What says nothing may come and go, as may the list of imports.
  CHECK(wrong("imports = [\"x\"]\n" + changed(good, "IoUid = 0", "")).empty());
}
