#include "host/trust.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "host/view.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using tests::TempFolder;

namespace {

// The path of the weakness, without the folder, and what mends it.
std::string weakness(const TempFolder& folder, const std::string& name) {
  const auto found = host::weakness_of(folder / name);
  if (!found) return {};
  return found->path.substr(std::min(folder.path().size(), found->path.size())) + " " +
         found->command.substr(0, found->command.find('/'));
}

}  // namespace

TEST_CASE("whoever could change what a path names is found, on the way too") {
  const TempFolder folder;
  const std::string file = folder.write("a/b/file", "x");
  CHECK(weakness(folder, "a/b/file").empty());
  CHECK(weakness(folder, "a/./b/../b//file").empty());
  CHECK(weakness(folder, "a/none").empty());

  chmod(file.c_str(), 0664);
  CHECK(weakness(folder, "a/b/file") == "/a/b/file chmod go-w ");
  chmod(file.c_str(), 0644);
  chmod((folder / "a").c_str(), 0757);
  CHECK(weakness(folder, "a/b/file") == "/a chmod go-w ");
  CHECK(weakness(folder, "a/none") == "/a chmod go-w ");
  chmod((folder / "a").c_str(), 01777);  // as /tmp: what is in it cannot be replaced
  CHECK(weakness(folder, "a/b/file").empty());
  CHECK(weakness(folder, "a") == "/a chmod go-w ");
  chmod((folder / "a").c_str(), 0755);

  if (geteuid() != 0) return;
  REQUIRE(chown(file.c_str(), tests::nobody, 0) == 0);
  CHECK(weakness(folder, "a/b/file") == "/a/b/file chown -h root ");
  REQUIRE(symlink("a/b/file", (folder / "link").c_str()) == 0);
  CHECK(weakness(folder, "link") == "/a/b/file chown -h root ");
  REQUIRE(chown(file.c_str(), 0, 0) == 0);
  CHECK(weakness(folder, "link").empty());
  REQUIRE(lchown((folder / "link").c_str(), tests::nobody, 0) == 0);
  CHECK(weakness(folder, "link") == "/link chown -h root ");
  REQUIRE(symlink("loop", (folder / "loop").c_str()) == 0);
  CHECK(weakness(folder, "loop").empty());  // it leads nowhere
}

TEST_CASE("a program with more rights than its caller's is found") {
  const TempFolder folder;
  const std::string file = folder.write("program", "", 0755);
  CHECK_FALSE(host::privilege_of(file));
  chmod(file.c_str(), 04755);
  REQUIRE(host::privilege_of(file));
  CHECK(host::privilege_of(file)->what == "it is set-user-ID or set-group-ID (mode 4755)");
  chmod(file.c_str(), 02755);
  CHECK(host::privilege_of(file));
  CHECK_FALSE(host::privilege_of(folder / "none"));
}

TEST_CASE("text in a command is one word and nothing else") {
  CHECK(host::shell_word("/usr/bin/runc-1.1") == "/usr/bin/runc-1.1");
  CHECK(host::shell_word("") == "''");
  CHECK(host::shell_word("a b;$(x)") == "'a b;$(x)'");
  CHECK(host::shell_word("it's") == R"('it'\''s')");
  CHECK(host::shell_word("a\nrm -rf /") == R"('a\x0arm -rf /')");
}

TEST_CASE("what another process sees, and that our own is no other", "[needs setns in one thread]") {
  CHECK(host::has_our_view(getpid()));
  CHECK_FALSE(host::has_our_view(0x7fffffff));
  if (geteuid() != 0) return;
  CHECK(host::in_view_of(getpid(), [] { return std::string("answer\0with all", 15); }) ==
        std::string("answer\0with all", 15));
  CHECK(tests::failure([] {
          host::in_view_of(getpid(), []() -> std::string { throw std::runtime_error("no luck"); });
        }).find("no luck") != std::string::npos);
  CHECK(tests::kind_of_failure([] { host::in_view_of(0x7fffffff, [] { return std::string(); }); }) == "unverifiable");
}
