// The files of CRI-O and of Podman that are in TOML: the engine's own, and the drop-in that gets our block, parted by
// the first line "%". The first byte chooses whose.
#include <algorithm>

#include "engines/crio.h"
#include "engines/podman.h"
#include "engines/toml.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch crio("etc/crio"), podman("etc/containers");
  if (size == 0) return 0;
  const bool is_crio = data[0] % 2 == 0;
  const std::string both(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t mark = std::min(both.find("\n%\n"), both.size());
  const std::string own = both.substr(0, mark), now = both.substr(std::min(mark + 3, both.size()));
  (is_crio ? crio : podman).write(is_crio ? "crio.conf" : "containers.conf", own);
  engines::Wish wish;
  wish.root = (is_crio ? crio : podman).root();
  wish.shim = "/usr/local/bin/ipcguard-runtime";
  wish.make_default = true;
  fuzz::survives([&] { is_crio ? engines::crio_registrations(wish.root) : engines::podman_registrations(wish.root); });
  engines::Plan plan;
  if (!fuzz::survives([&] { plan = is_crio ? engines::crio_plan(wish) : engines::podman_plan(wish); })) return 0;
  const engines::Edit& edit = plan.edits.front();
  fuzz::survives([&] { edit.take(now, std::nullopt); });
  engines::Text with;
  if (!fuzz::survives([&] { with = edit.put(now); })) return 0;
  const toml::table table = engines::parse_toml(*with, "f");
  const auto runs = is_crio ? table["crio"]["runtime"]["runtimes"]["ipcguard"]["runtime_path"]
                            : table["engine"]["runtimes"]["ipcguard"][0];
  fuzz::require(runs.value<std::string>() == wish.shim, "our runtime is there, and runs the shim");
  fuzz::require(edit.put(with) == with, "what is there is not put there again");
  if (now.find("# ipcguard: ") == std::string::npos)
    fuzz::require(edit.take(with, now).value_or("") == now, "what was put there is taken out to the byte");
  return 0;
}
