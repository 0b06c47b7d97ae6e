#include "shim/declared.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

namespace {

// Makes an overlay, with the host's /proc and /dev/shm in it, the root of this process.
bool enter_overlay(const std::string& folder) {
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", folder.c_str(), "tmpfs", 0, nullptr) != 0)
    return false;
  for (const char* name : {"/lower/proc", "/lower/dev/shm", "/upper", "/work", "/root"})
    std::filesystem::create_directories(folder + name);
  const std::string root = folder + "/root";
  const std::string layers = "lowerdir=" + folder + "/lower,upperdir=" + folder + "/upper,workdir=" + folder + "/work";
  return mount("overlay", root.c_str(), "overlay", 0, layers.c_str()) == 0 &&
         mount("/proc", (root + "/proc").c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
         mount("/dev/shm", (root + "/dev/shm").c_str(), nullptr, MS_BIND, nullptr) == 0 && chroot(root.c_str()) == 0 &&
         chdir("/") == 0;
}

}  // namespace

TEST_CASE("of root file systems that are overlays our own is looked below, though the start gate will") {
  const tests::TempFolder folder;
  const auto seen = [&](const std::string& path) {
    return tests::in_child([&] {
      if (!enter_overlay(folder.path())) return std::string("no overlay");
      std::filesystem::create_directories("/other/merged");
      const bool mounted = mount("none", "/other", "tmpfs", 0, nullptr) == 0;
      for (const char* name : {"/other/lower", "/other/upper", "/other/work", "/other/merged"})
        std::filesystem::create_directories(name);
      if (!mounted || mount("overlay", "/other/merged", "overlay", 0,
                            "lowerdir=/other/lower,upperdir=/other/upper,workdir=/other/work") != 0)
        return std::string("no other overlay");
      std::filesystem::create_directories("/other/merged/shm");
      if (mount("/dev/shm", "/other/merged/shm", nullptr, MS_BIND, nullptr) != 0) return std::string("no bind");
      oci::Bundle bundle;
      bundle.sources.push_back({"root", path, true, true});
      std::string kinds;
      for (const auto& one : shim::exposures_of_mounts(bundle, "/", false, host::kernel()))
        kinds += std::string(config::name_of(one.kind)) + " ";
      return kinds;
    });
  };
  CHECK(seen("/").find("host-shm-recursive ") != std::string::npos);
  CHECK(seen("/other/merged").empty());
}
