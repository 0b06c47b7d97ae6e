// A file of containerd's configuration. What `ipcguard configure` puts there is taken out again to the byte. The first
// byte chooses the plugin, whether ours is the default, and how its table is written.
#include <algorithm>

#include "engines/containerd_text.h"
#include "engines/toml.h"
#include "tests/fuzz/harness.h"

namespace {

const std::string shim = "/usr/local/bin/ipcguard-runtime", import = "/etc/containerd/conf.d/zz-ipcguard*.toml";

// With a header of the runtime's own, or only of the table below it.
std::string tables(const std::string& plugin, bool own_header) {
  const std::string header = "[plugins." + engines::toml_key(plugin) + ".containerd.runtimes.ipcguard";
  return (own_header ? header + "]\nruntime_type = \"io.containerd.runc.v2\"\n\n" : "") + header +
         ".options]\nBinaryName = \"" + shim + "\"\n";
}

// As another tool leaves it, which drops comments.
std::string without_comments(std::string text) {
  for (std::size_t at; (at = text.find("# ipcguard: ")) != text.npos;) text.erase(at, text.find('\n', at) - at);
  return text;
}

std::string take(const std::string& text) { return engines::without_ours({"f", text}, "ipcguard", shim, import); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string plugin = engines::containerd_cri_plugin(1 + data[0] % 3);
  const std::string standard = data[0] / 3 % 2 == 0 ? "ipcguard" : "";
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const engines::ContainerdFile file{"f", text};
  engines::ContainerdOutline outline;
  if (!fuzz::survives([&] { outline = containerd_outline(file); })) {
    fuzz::survives([&] { take(text); });
    return 0;
  }
  const bool theirs = text.find("# ipcguard") == std::string::npos && outline.default_runtime != "ipcguard" &&
                      std::count(outline.imports.begin(), outline.imports.end(), import) == 0 &&
                      !has_containerd_runtime(file, "ipcguard");
  if (!theirs) {
    fuzz::survives([&] { take(text); });
    return 0;
  }
  fuzz::require(take(text) == text, "nothing is taken from a file without ours");
  // A line that was not ended is.
  const std::string newline = text.find("\r\n") == text.npos ? "\n" : "\r\n";
  const std::string whole = text + (text.empty() || text.back() == '\n' || text == "\xEF\xBB\xBF" ? "" : newline);
  std::string with;
  const auto put = [&](const std::string& into) {
    return engines::with_runtimes({"f", into}, plugin, tables(plugin, data[0] / 6 % 2 == 0), standard, 2);
  };
  if (fuzz::survives([&] { with = put(text); }, false)) {
    fuzz::require(engines::has_containerd_runtime({"f", with}, "ipcguard"), "our runtime is there");
    fuzz::require(take(with) == whole, "what was put there is taken out to the byte");
    fuzz::require(put(take(with)) == with, "and comes back the same");
    std::string left;
    if (standard.empty() && fuzz::survives([&] { left = take(without_comments(with)); })) {
      const auto is = engines::parse_toml(left, "f"),
                 was = engines::parse_toml(outline.blank ? "version = 2" : text, "f");
      fuzz::require(is == was || was != was, "without our comments too, all else says what it said");
    }
  }
  if (fuzz::survives([&] { with = with_import(file, import, 2); }, false)) {
    const auto imports = engines::containerd_outline({"f", with}).imports;
    fuzz::require(std::count(imports.begin(), imports.end(), import) == 1, "our import is there once");
    const std::string left = take(with);
    fuzz::require(left == text || left == whole, "an import is taken out to the byte");
  }
  return 0;
}
