#include "engines/containerd_text.h"

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::containerd_outline;
using engines::with_import;
using engines::with_imports;
using engines::with_runtimes;
using engines::without_ours;

namespace {

const std::string shim = "/usr/local/bin/ipcguard-runtime", cri = "io.containerd.grpc.v1.cri";
const std::string import = "/etc/containerd/conf.d/zz-ipcguard*.toml";
const std::string tables =
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard]\n"
    "  runtime_type = \"io.containerd.runc.v2\"\n"
    "  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard.options]\n"
    "    BinaryName = \"/usr/local/bin/ipcguard-runtime\"\n";
const std::string header = "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n";
const std::string begin = "# ipcguard: begin, made by `ipcguard configure containerd`; --remove takes it out\n";
const std::string end = "# ipcguard: end\n";

std::string put(const std::string& text, const std::string& as_default = "") {
  return with_runtimes({"f", text}, cri, tables, as_default, 2);
}
std::string take(const std::string& text) { return without_ours({"f", text}, "ipcguard", shim, import); }
std::string imported(const std::string& text) { return with_import({"f", text}, import, 3); }

// Every way in which people write these files.
const std::string texts[] = {
    "",
    "# nothing but this\n",
    "version = 2\n",
    "version = 2",
    "\xef\xbb\xbfversion = 2\n",
    "\xef\xbb\xbf# \xc3\xa9\r\nversion = 2 # \xc3\xa9\r\n\r\n",
    "oom_score = 0\nversion = 2\n\n\n",
    "version = 2\n" + header + "  snapshotter = \"native\" # c\n\n[debug]\nlevel = \"info\"\n",
    "version = 2\n" + header + "default_runtime_name = \"runc\"\n",
    "version = 2\n" + header +
        "default_runtime_name = 'runc' # c\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\n"
        "runtime_type='io.containerd.runc.v2'\n",
    "version = 2\r\n [ plugins . \"io.containerd.grpc.v1.cri\" . containerd ] # c\r\n\tdefault_runtime_name=\"a\"\r\n",
    "version = 2\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    sandbox_image = \"p\"\n"
    "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n        runtime_type = "
    "\"io.containerd.runc.v2\"\n"
    "        [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n          SystemdCgroup = true",
    "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nx = "
    "'''\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n'''\n",
    "version = 2\n" + header + "default_runtime_name = \"\"\"runc\"\"\"\n",
};

}  // namespace

TEST_CASE("a runtime and the default come into any file, and out of it again, without any other byte") {
  for (const std::string& text : texts)
    for (const std::string as_default : {"", "ipcguard"}) {
      CAPTURE(text, as_default);
      const std::string with = put(text, as_default);
      const bool lacks_newline = !text.empty() && text.back() != '\n';
      CHECK(take(with) == text + (lacks_newline ? "\n" : ""));
      CHECK(put(take(with), as_default) == with);
      CHECK(with.find(text.find("\r\n") == std::string::npos ? tables : "\r\n" + begin.substr(0, 10)) !=
            std::string::npos);
      CHECK(take(text) == text);
      const std::string without_import = take(imported(text));
      CHECK((without_import == text || (lacks_newline && without_import == text + "\n")));
      CHECK(take(put(imported(text), as_default)) == text + (lacks_newline ? "\n" : ""));
    }
}

TEST_CASE("a byte order mark stays, whatever stands on its line") {
  const std::string mark = "\xef\xbb\xbf";
  CHECK(take(put(mark)) == mark);
  CHECK(take(mark + "[plugins.cri.containerd.runtimes.ipcguard.options]\nBinaryName = \"" + shim + "\"\n") == mark);
}

TEST_CASE("what is added to a file of containerd's looks as if a person had written it") {
  CHECK(put("") == begin + "version = 2\n\n" + tables + end);
  CHECK(put("version = 2\n", "ipcguard") ==
        "version = 2\n\n" + begin + header + "default_runtime_name = \"ipcguard\"\n\n" + tables + end);
  // Where the table stands already, the default goes there.
  CHECK(put("version = 2\n" + header + "  x = 1\n", "ipcguard") ==
        "version = 2\n" + header + "  default_runtime_name = \"ipcguard\" # ipcguard: added\n  x = 1\n\n" + begin +
            tables + end);
  CHECK(put("version = 2\n" + header + "default_runtime_name = 'a' # b\n", "ipcguard") ==
        "version = 2\n" + header + "default_runtime_name = \"ipcguard\" # ipcguard: ipcguard instead of 'a' # b\n\n" +
            begin + tables + end);
}

TEST_CASE("an import joins those that are there") {
  const std::string quoted = "\"" + import + "\"";
  struct Case {
    std::string now, with;
  };
  const Case cases[] = {
      {"version = 3\nroot = \"/r\"\n", "version = 3\nimports = [" + quoted + "] # ipcguard: added\nroot = \"/r\"\n"},
      {"", "version = 3 # ipcguard: added\nimports = [" + quoted + "] # ipcguard: added\n"},
      {"imports = []\n", "imports = [" + quoted + "]\n"},
      {"imports = [ # c\n]\n", "imports = [" + quoted + " # c\n]\n"},
      {"imports = [\"a\"]\n", "imports = [\"a\", " + quoted + "]\n"},
      {"imports = ['a', \"b\",] # c\n", "imports = ['a', \"b\", " + quoted + ",] # c\n"},
      {"imports = [\n  \"a\", # first\n  \"\xc3\xa9\", # last\n]\n",
       "imports = [\n  \"a\", # first\n  \"\xc3\xa9\",\n  " + quoted + ", # last\n]\n"},
      {"imports = [\r\n\t\"a\"\r\n]\r\n", "imports = [\r\n\t\"a\",\r\n\t" + quoted + "\r\n]\r\n"},
  };
  for (const auto& [now, with] : cases) {
    CAPTURE(now);
    CHECK(imported(now) == with);
    CHECK(imported(with) == with);
    CHECK(take(with) == now);
  }
  // Written anew by another tool, or put in another order.
  CHECK(take("imports = [" + quoted + ", \"a\"]\n") == "imports = [ \"a\"]\n");
  CHECK(take("imports = [\"a\", # mine\n  " + quoted + "\n]\n") == "imports = [\"a\", # mine\n  \n]\n");
}

TEST_CASE("a file that is written in a way that cannot be extended is refused, with what to write") {
  for (const std::string text :
       {"version = 2\nplugins = { \"io.containerd.grpc.v1.cri\" = { containerd = { default_runtime_name = \"runc\" } } "
        "}\n",
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\ncontainerd = { snapshotter = \"native\" }\n",
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\nruntimes = {}\n"}) {
    CAPTURE(text);
    const std::string failure = tests::failure([&] { put(text, "ipcguard"); });
    CHECK(failure.find("f is written in a way that ipcguard does not edit") != std::string::npos);
    CHECK(failure.find(tables) != std::string::npos);
  }
  CHECK(tests::failure([] { put("version = 2\nx = \n"); }).find("f:2:") != std::string::npos);
}

TEST_CASE("what is ours is found although another tool has dropped our comments") {
  // As nvidia-ctk writes it into its own file: the whole section, in order of the alphabet.
  const std::string theirs =
      "version = 2\n\n[plugins]\n\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n\n"
      "    [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n      default_runtime_name = \"ipcguard\"\n\n"
      "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]\n\n"
      "        [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard]\n"
      "          runtime_type = \"io.containerd.runc.v2\"\n\n"
      "          [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard.options]\n"
      "            BinaryName = \"/usr/local/bin/ipcguard-runtime.crun\"\n\n"
      "        [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia]\n"
      "          runtime_type = \"io.containerd.runc.v2\"\n";
  const std::string left = take(theirs);
  CHECK(left.find("ipcguard") == std::string::npos);
  CHECK(left.find("runtimes.nvidia]\n          runtime_type = \"io.containerd.runc.v2\"\n") != std::string::npos);
  CHECK(left.find("[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n") != std::string::npos);
  // Only the table below it has a header.
  const std::string below =
      "[plugins.cri.containerd.runtimes.ipcguard.options]\nBinaryName = \"" + shim + "\"\nSystemdCgroup = true\n";
  CHECK(take("[debug]\n" + below) == "[debug]\n");
  // Of another's with that name nothing is taken.
  const std::string other =
      header +
      "default_runtime_name = \"ipcguard\"\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ipcguard]\n"
      "options = { BinaryName = \"/usr/bin/other\" }\n";
  CHECK(take(other) == other);
  CHECK(tests::failure([] {
          take(
              "[plugins.cri.containerd]\nruntimes = { ipcguard = { options = { BinaryName = "
              "\"/usr/local/bin/ipcguard-runtime\" } } }\n");
        }).find("take it out by hand") != std::string::npos);
}

TEST_CASE("changes beside ours stay when ours goes") {
  std::string text = put("version = 2\n" + header + "default_runtime_name = \"runc\"\n", "ipcguard");
  text += "[debug]\nlevel = \"info\" # mine\n";
  CHECK(take(text) == "version = 2\n" + header + "default_runtime_name = \"runc\"\n[debug]\nlevel = \"info\" # mine\n");
  // Another default was chosen since.
  text.replace(text.find("\"ipcguard\" #"), 10, "\"mine\"");
  CHECK(take(text).find("default_runtime_name = \"mine\"\n") != std::string::npos);
  CHECK(tests::failure([] { take(begin + "x = 1\n"); }).find("is missing") != std::string::npos);
}

TEST_CASE("the outline of a file of containerd's") {
  const auto outline =
      containerd_outline({"f", "version = 3\nimports = [\"a\", 'b']\n[plugins.\"x.y\".z]\n[plugins.cri]\n"});
  CHECK(outline.version == 3);
  CHECK(outline.imports == std::vector<std::string>{"a", "b"});
  CHECK(outline.plugins == std::vector<std::string>{"cri", "x.y"});
  CHECK_FALSE(outline.blank);
  CHECK(outline.default_runtime.empty());
  CHECK(containerd_outline({"f", header + "default_runtime_name = 'x'\n"}).default_runtime == "x");
  CHECK(containerd_outline({"f", "# c\n"}).blank);
  for (const char* text :
       {"version = \"2\"", "imports = \"a\"", "imports = [1]", "version = 2\nversion = 2", "x = \xff"})
    CHECK(tests::failure([&] { containerd_outline({"f", text}); }).find("invalid-config: f") == 0);
  CHECK(with_imports({"f", "imports = [\n'a']\n"}, {"x", "y"}) == "imports = [\"x\", \"y\"]\n");
  CHECK(with_imports({"f", "a = 1\n"}, {}) == "a = 1\n");
  CHECK(engines::containerd_cri_plugin(1) == "cri");
  CHECK(engines::containerd_cri_plugin(2) == cri);
  CHECK(engines::containerd_cri_plugin(3) == "io.containerd.cri.v1.runtime");
  CHECK(engines::containerd_cri_plugin(4) == "io.containerd.cri.v1.runtime");
  CHECK(tests::failure([] { engines::containerd_cri_plugin(5); }).find("version 5") != std::string::npos);
}
