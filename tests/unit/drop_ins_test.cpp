// CRI-O's and Podman's drop-ins.
#include <filesystem>
#include <string>

#include "engines/configure.h"
#include "engines/crio.h"
#include "engines/files.h"
#include "engines/podman.h"
#include "engines/toml.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::Notes;
using engines::Registrations;

namespace {

const std::string begin = "# ipcguard: begin, made by `ipcguard configure ", end = "# ipcguard: end\n";

// A host's files below a folder.
class Host {
 public:
  explicit Host(engines::Plan (*plan)(const engines::Wish&)) : plan_(plan) {
    wish_.root = root_.path();
    wish_.shim = "/usr/local/bin/ipcguard-runtime";
  }

  Notes put(bool make_default = false) {
    wish_.make_default = make_default;
    wish_.remove = false;
    const engines::Plan plan = plan_(wish_);
    remarks_ = plan.remarks;
    return shortened(carry_out(plan, wish_));
  }
  Notes take() {
    wish_.remove = true;
    return shortened(carry_out(plan_(wish_), wish_));
  }
  std::string failure() {
    return shortened({tests::failure([&] { put(true); })}).front();
  }
  void write(const std::string& name, const std::string& text) { root_.write(name, text); }
  std::string text(const std::string& name) const { return engines::read_text(root_ / name).value_or("(none)"); }

  Notes shortened(Notes notes) const {
    for (std::string& note : notes)
      for (std::size_t at = 0; (at = note.find(root_.path() + "/")) != std::string::npos;)
        note.erase(at, root_.path().size() + 1);
    return notes;
  }
  std::string shown(const Registrations& registrations) const {
    std::string out;
    for (const auto& one : registrations)
      out +=
          one.name + "=" + one.path + " (" + shortened({one.where}).front() + ")" + (one.is_default ? "*" : "") + "; ";
    return out;
  }

  tests::TempFolder root_;
  engines::Wish wish_;
  Notes remarks_;

 private:
  engines::Plan (*plan_)(const engines::Wish&);
};

const std::string podman_file = "etc/containers/containers.conf.d/zz-ipcguard.conf";
const std::string crio_file = "etc/crio/crio.conf.d/zz-ipcguard.conf",
                  crio_restart =
                      "CRI-O goes by it once it starts anew, while containers keep running: systemctl restart crio";

}  // namespace

TEST_CASE("Podman: the drop-in, beside what is there") {
  Host host(engines::podman_plan);
  host.write("usr/bin/runc", "");
  host.write("etc/containers/containers.conf",
             "# mine\n[engine]\nruntime = \"runc\"\nruntime_supports_json = [\"runc\", \"mine\"]\n");
  CHECK(host.put(true) == Notes{"made " + podman_file});
  CHECK(host.text(podman_file) == begin + "podman`; --remove takes it out\n" + R"([engine]
runtime = "ipcguard"
runtime_supports_json = [ "runc", "mine", "ipcguard" ]

[engine.runtimes]
ipcguard = [ "/usr/local/bin/ipcguard-runtime" ]
)" + end);
  CHECK(host.put(true).empty());
  CHECK(host.put().empty());  // the default stays until it is taken out
  CHECK(host.take() == Notes{"removed " + podman_file});
  CHECK(!std::filesystem::exists(host.root_ / "etc/containers/containers.conf.d"));
  CHECK(host.text("etc/containers/containers.conf").substr(0, 7) == "# mine\n");
}

TEST_CASE("Podman: without --default, and with lists that are added to") {
  Host host(engines::podman_plan);
  host.write("etc/containers/containers.conf.d/10.conf", "[engine]\nruntime_supports_json = [\"a\", {append=true}]\n");
  host.write("etc/containers/containers.conf.d/20.conf", "\xEF\xBB\xBF[engine]\r\nruntime_supports_json = [\"b\"]\r\n");
  host.write("etc/containers/containers.conf.d/30.conf.bak", "nonsense = = 1");
  host.put();
  CHECK(host.text(podman_file)
            .find(R"(json = [ "crun", "runc", "kata", "runsc", "youki", "krun", "ocijail", "a", "b", "ipcguard" ])") !=
        std::string::npos);
  CHECK(host.text(podman_file).find("runtime =") == std::string::npos);
}

TEST_CASE("Podman: what would undo ours, or cannot be read, is named") {
  Host host(engines::podman_plan);
  const std::string later = "etc/containers/containers.conf.d/zzz.conf";
  host.write(later, "[engine]\nruntime = \"crun\"\n");
  CHECK(host.failure() ==
        "invalid-config: " + later + ": it is read after ours and sets engine.runtime: take that away first");
  host.write(later, "[engine]\nruntime_supports_json = [\"crun\"]\n");
  CHECK(host.failure().find("sets engine.runtime_supports_json") != std::string::npos);
  host.write(later, "[engine.runtimes]\nipcguard = [\"/usr/bin/other\"]\n");
  CHECK(host.failure() ==
        "invalid-config: " + later +
            ": another runtime, '/usr/bin/other', has the name ipcguard; choose another --runtime-name");
  host.write(later, "[engine\n");
  CHECK(host.failure().find("invalid-config: " + later + ":1:8: it is not TOML: ") == 0);
  CHECK(host.text(podman_file) == "(none)");
}

TEST_CASE("Podman: what an operator wrote around ours stays") {
  Host host(engines::podman_plan);
  host.write(podman_file, "# mine, before\n[containers]\nlog_driver = \"k8s-file\"\n");
  CHECK(host.put(true) == Notes{"changed " + podman_file});
  host.write(podman_file, host.text(podman_file) + "# mine, after\n");
  CHECK(host.put(true).empty());
  CHECK(host.take() == Notes{"took ipcguard out of " + podman_file});
  CHECK(host.text(podman_file) == "# mine, before\n[containers]\nlog_driver = \"k8s-file\"\n# mine, after\n");
}

TEST_CASE("Podman: the runtime behind the shim is the one that ran before, where settings and a link have it") {
  Host host(engines::podman_plan);
  const std::string shim = host.root_.write("bin/ipcguard-runtime", "", 0755);
  const std::string crun = host.root_.write("bin/crun", "", 0755), runc = host.root_.write("bin/runc", "", 0755);
  host.wish_.shim = shim;
  host.write("etc/containers/containers.conf", "[engine]\nruntime = \"" + crun + "\"\n");
  host.write("etc/ipcguard/config.json", R"({"runtimes": {"default": ")" + runc + R"("}})");
  host.put(true);
  CHECK(host.shortened(host.remarks_) ==
        Notes{"Podman has run bin/crun until now; to keep that behind the shim, which runs the default of "
              "etc/ipcguard/config.json: add \"crun\": \"bin/crun\" to its runtimes, ln -s ipcguard-runtime "
              "bin/ipcguard-runtime.crun, and run this again"});
  CHECK(host.text(podman_file).find("\"" + shim + "\"") != std::string::npos);
  host.write("etc/ipcguard/config.json", R"({"runtimes": {"default": ")" + runc + R"(", "crun": ")" + crun + R"("}})");
  host.put(true);
  CHECK(host.shortened(host.remarks_).front().find("ln -s ipcguard-runtime bin/ipcguard-runtime.crun, and run") !=
        std::string::npos);
  std::filesystem::create_symlink("ipcguard-runtime", shim + ".crun");
  CHECK(host.put(true) == Notes{"changed " + podman_file});
  CHECK(host.remarks_.empty());
  CHECK(host.text(podman_file).find("\"" + shim + ".crun\"") != std::string::npos);
  CHECK(host.text(podman_file).find(R"(runtime_supports_nocgroup = [ "crun", "krun", "ipcguard" ])") !=
        std::string::npos);
  CHECK(host.put(true).empty());
}

TEST_CASE("what was registered by hand is named when ours is taken out") {
  Host host(engines::podman_plan);
  const std::string by_hand = "etc/containers/containers.conf.d/10-ipcguard.conf";
  host.write("usr/local/bin/ipcguard-runtime", "");
  host.write(by_hand, "[engine.runtimes]\nguarded = [\"/usr/local/bin/ipcguard-runtime\"]\n");
  host.put();
  CHECK(host.take() ==
        Notes{"removed " + podman_file,
              by_hand + " still names /usr/local/bin/ipcguard-runtime as guarded: take that out by hand"});
}

TEST_CASE("the runtimes that Podman knows") {
  Host host(engines::podman_plan);
  host.write("usr/bin/runc", "");
  host.write("usr/sbin/crun", "");
  host.write("opt/kata", "");
  host.write("usr/share/containers/containers.conf",
             "[engine.runtimes]\nkata = [\"/opt/none\", \"/opt/kata\"]\nrunsc = [\"/opt/none\"]\n");
  const auto shown = [&] { return host.shown(engines::podman_registrations(host.root_.path())); };
  CHECK(shown() ==
        "kata=/opt/kata (usr/share/containers/containers.conf); crun=/usr/sbin/crun (built in)*; runc=/usr/bin/runc "
        "(built in); ");
  host.write("etc/containers/containers.conf.d/a.conf", "[engine]\nruntime = \"/opt/bin/crun\"\n");
  CHECK(shown().find("crun=/usr/sbin/crun (built in); runc=/usr/bin/runc (built in); /opt/bin/crun=/opt/bin/crun "
                     "(etc/containers/containers.conf.d/a.conf)*") != std::string::npos);
}

TEST_CASE("CRI-O: the drop-in has what the default runtime's table has") {
  Host host(engines::crio_plan);
  host.write("etc/crio/crio.conf", "[crio.runtime]\ndefault_runtime = \"crun\"\n");
  host.write("etc/crio/crio.conf.d/10-crio.conf", R"([crio.runtime.runtimes.crun]
runtime_path = "/usr/libexec/crio/crun"
runtime_root = "/run/crun"
monitor_path = "/usr/libexec/crio/conmon"
allowed_annotations = ["io.containers.trace-syscall"]
inherit_default_runtime = false
platform_runtime_paths = { "linux/arm64" = "/usr/bin/other" }
[crio.runtime.runtimes.crun.default_annotations]
"a.b/c" = 'x"y'
[crio.runtime.runtimes.runc]
runtime_path = "/usr/libexec/crio/runc"
)");
  CHECK(host.put(true) == Notes{"made " + crio_file, crio_restart});
  CHECK(host.text(crio_file) == begin + "crio`; --remove takes it out\n" + R"([crio.runtime]
default_runtime = "ipcguard"

[crio.runtime.runtimes.ipcguard]
allowed_annotations = [ "io.containers.trace-syscall" ]
monitor_path = "/usr/libexec/crio/conmon"
runtime_path = "/usr/local/bin/ipcguard-runtime"
runtime_root = "/run/crun"
runtime_type = "oci"

[crio.runtime.runtimes.ipcguard.default_annotations]
"a.b/c" = "x\"y"
)" + end);
  CHECK(host.put(true).empty());
  CHECK(host.take() == Notes{"removed " + crio_file, crio_restart});
}

TEST_CASE("CRI-O: without a file, and without --default") {
  Host host(engines::crio_plan);
  host.write("usr/bin/runc", "");
  host.put();
  CHECK(host.text(crio_file) == begin + "crio`; --remove takes it out\n" + R"([crio.runtime.runtimes.ipcguard]
allowed_annotations = [ "io.containers.trace-syscall", "io.kubernetes.cri-o.Devices" ]
runtime_path = "/usr/local/bin/ipcguard-runtime"
runtime_root = "/run/runc"
runtime_type = "oci"
)" + end);
  host.take();
  CHECK(!std::filesystem::exists(host.root_ / "etc"));
}

TEST_CASE("CRI-O: every file in the folder counts, in folders too, and the last one wins") {
  Host host(engines::crio_plan);
  host.write("etc/crio/crio.conf.d/b/x",
             "[crio.runtime]\ndefault_runtime = \"b\"\n[crio.runtime.runtimes.b]\nruntime_path = \"/b\"\n");
  host.write("etc/crio/crio.conf.d/c.bak", "[crio.runtime]\ndefault_runtime = \"c\"\n[crio.runtime.runtimes.c]\n");
  CHECK(host.shown(engines::crio_registrations(host.root_.path())) ==
        "b=/b (etc/crio/crio.conf.d/b/x); c=c (etc/crio/crio.conf.d/c.bak)*; crun=crun (built in); ");
  host.write("etc/crio/crio.conf.d/zzz", "[crio.runtime]\ndefault_runtime = \"c\"\n");
  CHECK(host.failure() ==
        "invalid-config: etc/crio/crio.conf.d/zzz: it is read after ours and sets "
        "crio.runtime.default_runtime: take that away first");
  CHECK(host.put() == Notes{"made " + crio_file, crio_restart});
  host.take();
  host.write("etc/crio/crio.conf.d/zzz",
             "[crio.runtime.runtimes.ipcguard]\nruntime_path = \"/usr/local/bin/ipcguard-runtime\"\n");
  CHECK(host.failure().find("zzz: it is read after ours and sets crio.runtime.runtimes.ipcguard") != std::string::npos);
}
