#include "engines/configure.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "engines/files.h"
#include "host/error.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::Changes;
using engines::Notes;
using engines::Plan;
using engines::Text;

namespace {

// An engine whose file is lines; ours is "shim", and takes the place of "default".
class Lines {
 public:
  explicit Lines(std::string name = "etc/engine/engine.conf") : path_(root_ / name) {
    wish_.root = root_.path();
    wish_.shim = "/shim";
    plan_.engine = "lines";
    plan_.edits = {{path_,
                    [](const Text& now) -> Text {
                      if (now && now->find("bad") != std::string::npos)
                        throw host::Error(host::ErrorKind::invalid_config, "bad");
                      return now && now->find("shim\n") != std::string::npos ? *now : now.value_or("") + "shim\n";
                    },
                    [](const Text& now, const Text& original) -> Text {
                      if (!now || now->find("shim\n") == std::string::npos) return now;
                      std::string text = *now;
                      text.erase(text.find("shim\n"), 5);
                      if (text.empty() && !original) return std::nullopt;
                      return text;
                    }}};
  }

  Notes put() { return carry_out(plan_, wish_); }
  Notes take() {
    engines::Wish wish = wish_;
    wish.remove = true;
    return carry_out(plan_, wish);
  }
  std::string text() const { return engines::read_text(path_).value_or("(none)"); }
  void write(const std::string& text) { root_.write(path_.substr(root_.path().size() + 1), text); }
  bool has_record() const { return std::filesystem::exists(root_ / "var"); }

  tests::TempFolder root_;
  std::string path_;
  engines::Wish wish_;
  Plan plan_;
};

unsigned mode_of(const std::string& path) {
  struct stat stat {};
  return ::stat(path.c_str(), &stat) == 0 ? stat.st_mode & 07777U : 0;
}

}  // namespace

TEST_CASE("a file that was not there is made, and goes again with the folders made for it") {
  Lines lines;
  std::filesystem::create_directories(lines.root_ / "var/lib");
  CHECK(lines.put() == Notes{"made " + lines.path_});
  CHECK(lines.text() == "shim\n");
  CHECK(mode_of(lines.path_) == 0644);
  CHECK(mode_of(lines.root_ / "var/lib/ipcguard/configured") == 0700);
  CHECK(lines.put().empty());
  CHECK(lines.take() == Notes{"removed " + lines.path_});
  CHECK(!std::filesystem::exists(lines.root_ / "etc"));
  CHECK(std::filesystem::is_empty(lines.root_ / "var/lib"));
  CHECK(lines.take().empty());
}

TEST_CASE("a file's bytes, owner, mode and attributes come back") {
  Lines lines;
  lines.write("mine\n\n");
  REQUIRE(chmod(lines.path_.c_str(), 0640) == 0);
  REQUIRE(chown(lines.path_.c_str(), 0, tests::nobody) == 0);
  const bool attributes = setxattr(lines.path_.c_str(), "trusted.mine", "x", 1, 0) == 0;  // not on every file system
  CHECK(lines.put() == Notes{"changed " + lines.path_});
  CHECK(lines.text() == "mine\n\nshim\n");
  struct stat stat {};
  REQUIRE(::stat(lines.path_.c_str(), &stat) == 0);
  CHECK(stat.st_gid == tests::nobody);
  CHECK(mode_of(lines.path_) == 0640);
  if (attributes) CHECK(getxattr(lines.path_.c_str(), "trusted.mine", nullptr, 0) == 1);
  CHECK(lines.take() == Notes{"restored " + lines.path_ + " as it was"});
  CHECK(lines.text() == "mine\n\n");
  CHECK(mode_of(lines.path_) == 0640);
}

TEST_CASE("what somebody added since stays, whenever it is taken out") {
  Lines lines;
  lines.write("mine\n");
  lines.put();
  lines.write("mine\nshim\nmore\n");
  CHECK(lines.put().empty());
  CHECK(lines.take() == Notes{"took ipcguard out of " + lines.path_});
  CHECK(lines.text() == "mine\nmore\n");
}

TEST_CASE("what somebody wrote anew is what comes back") {
  Lines lines;
  lines.write("mine\n");
  lines.put();
  lines.write("new\n");
  lines.put();
  CHECK(lines.text() == "new\nshim\n");
  lines.take();
  CHECK(lines.text() == "new\n");
}

TEST_CASE("a registration by hand, without a record, is taken out too") {
  Lines lines;
  lines.write("mine\nshim\n");
  CHECK(lines.put().empty());
  CHECK(lines.take() == Notes{"took ipcguard out of " + lines.path_});
  CHECK(lines.text() == "mine\n");
}

TEST_CASE("a link is followed, not replaced, even one that leads nowhere yet") {
  Lines lines("etc/link.conf");
  std::filesystem::create_directories(lines.root_ / "etc");
  std::filesystem::create_symlink("../real/file.conf", lines.path_);
  lines.put();
  CHECK(std::filesystem::is_symlink(lines.path_));
  CHECK(tests::read_whole(lines.root_ / "real/file.conf") == "shim\n");
  lines.take();
  CHECK(std::filesystem::is_symlink(lines.path_));
  CHECK(!std::filesystem::exists(lines.root_ / "real"));
}

TEST_CASE("where the engine does not accept it, or it cannot be understood, nothing is written") {
  Lines lines;
  lines.write("mine\n");
  lines.plan_.accept = [](const Changes&) { throw host::Error(host::ErrorKind::invalid_config, "no"); };
  CHECK(tests::failure([&] { lines.put(); }) == "invalid-config: no");
  CHECK(lines.text() == "mine\n");
  lines.plan_.accept = nullptr;
  lines.write("bad\n");
  CHECK(tests::failure([&] { lines.put(); }) == "invalid-config: bad");
  CHECK(lines.text() == "bad\n");
  CHECK(!std::filesystem::exists(lines.root_ / "var/lib/ipcguard/configured/lines"));
}

TEST_CASE("what broke off at any step is repaired by the next run, and taken back whole") {
  // Once the record is written, and once the engine has been told something in between.
  Lines lines;
  lines.write("mine\n");
  lines.plan_.after_put = [](bool) -> Notes { throw host::Error(host::ErrorKind::unverifiable, "broken off"); };
  CHECK_THROWS(lines.put());
  lines.plan_.after_put = nullptr;
  CHECK(lines.put().empty());
  lines.plan_.before_take = [](const Changes& changes, const Plan::Write& write) -> Notes {
    write(changes.front().path, "plain\n");
    throw host::Error(host::ErrorKind::unverifiable, "broken off");
  };
  CHECK_THROWS(lines.take());
  CHECK(lines.text() == "plain\n");
  lines.plan_.before_take = nullptr;
  CHECK(lines.take() == Notes{"restored " + lines.path_ + " as it was"});
  CHECK(lines.text() == "mine\n");
}

TEST_CASE("a record that is not ours to read is an error that says where") {
  Lines lines;
  lines.root_.write("var/lib/ipcguard/configured/lines/record.json", "{");
  CHECK(tests::failure([&] { lines.put(); }).find("record.json: it is not as ipcguard wrote it") != std::string::npos);
  CHECK(lines.text() == "(none)");
}

TEST_CASE("a full disk leaves the old file, and says so") {
  Lines lines("full/engine.conf");
  std::filesystem::create_directory(lines.root_ / "full");
  lines.write("mine\n");
  const std::string said = tests::in_child([&] {
    // A file system without room, as far as this process is concerned.
    struct rlimit none {
      3, 3
    };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    engines::replace_file(lines.path_, "much more than that\n");
    return std::string("written");
  });
  CHECK(said.find("it cannot be written and stays as it was") != std::string::npos);
  CHECK(lines.text() == "mine\n");
  CHECK(std::distance(std::filesystem::directory_iterator(lines.root_ / "full"), {}) == 1);
}

TEST_CASE("the diff is one that patch understands") {
  const auto diff = [](const Text& before, const Text& after) {
    return engines::unified_diff({{"/f", before, after}});
  };
  CHECK(diff(Text(), "a\nb\n") == "--- /dev/null\n+++ /f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
  CHECK(diff("a\n", Text()) == "--- /f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
  CHECK(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\nsix\n7\n8\n9\n") ==
        "--- /f\n+++ /f\n@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n");
  CHECK(diff("a", "a\nb") ==
        "--- /f\n+++ /f\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n");
  std::string many, other;
  for (int i = 0; i < 40; ++i) many += std::to_string(i) + "\n";
  other = many;
  other.replace(other.find("2\n"), 2, "two\n");
  other.replace(other.find("35\n"), 3, "");
  CHECK(diff(many, other) ==
        "--- /f\n+++ /f\n@@ -1,6 +1,6 @@\n 0\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -33,7 +33,6 @@\n 32\n 33\n 34\n-35\n 36\n "
        "37\n 38\n");
}
