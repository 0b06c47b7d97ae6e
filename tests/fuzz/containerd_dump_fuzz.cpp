// What containerd says that its configuration comes to, before a change and after it, parted by the first line "%".
#include <algorithm>

#include "engines/containerd_dump.h"
#include "engines/containerd_text.h"
#include "tests/fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string both(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = std::min(both.find("\n%\n"), both.size());
  const std::string before = both.substr(0, mark), after = both.substr(std::min(mark + 3, both.size()));
  const std::string shim = "/usr/local/bin/ipcguard-runtime", plugin = "io.containerd.grpc.v1.cri";
  engines::Registrations known;
  if (!fuzz::survives([&] { known = engines::containerd_runtimes(before); })) return 0;
  engines::containerd_newest_version(before);
  fuzz::require(engines::same_containerd_configuration(before, before), "a dump is the same as itself");
  const auto is_default = [](const engines::Registration& one) { return one.is_default; };
  fuzz::require(std::count_if(known.begin(), known.end(), is_default) <= 1, "there is one default at most");
  for (const engines::Registration& one : known) {
    std::string tables;
    if (!fuzz::survives(
            [&] { tables = engines::containerd_runtime_tables(before, one.name, plugin, "ipcguard", shim); }))
      continue;
    const auto copied = engines::containerd_runtimes("version = 2\n" + tables);
    fuzz::require(copied.size() == 1 && copied[0].name == "ipcguard" && copied[0].path == shim,
                  "the copy of a runtime runs the shim");
  }
  if (fuzz::survives([&] { engines::check_containerd_change(before, after, "ipcguard", shim, true); })) {
    const auto now = engines::containerd_runtimes(after);
    const auto ours = std::find_if(now.begin(), now.end(), is_default);
    fuzz::require(ours != now.end() && ours->name == "ipcguard" && ours->path == shim,
                  "a change that is accepted makes the shim the default");
  }
  return 0;
}
