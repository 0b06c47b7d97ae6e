#include "host/file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Owner;
using tests::failure;
using tests::nobody;
using tests::TempFolder;

namespace {

constexpr std::size_t limit = 1000;

std::optional<host::Bytes> read(const std::string& path, Owner owner = Owner::root) {
  return host::read_file(AT_FDCWD, path, {owner, limit, host::ErrorKind::invalid_policy}, "the file");
}

// What reading it fails with, without the kind and the file's name; "" if it does not.
std::string fault(const std::string& path, Owner owner = Owner::root) {
  const std::string text = failure([&] { read(path, owner); });
  const std::string start = "invalid-policy: the file: ";
  return text.empty() ? "" : text.substr(0, start.size()) == start ? text.substr(start.size()) : "unexpected: " + text;
}

void own(const std::string& path, uid_t user, gid_t group) { REQUIRE(lchown(path.c_str(), user, group) == 0); }
void allow(const std::string& path, mode_t mode) { REQUIRE(chmod(path.c_str(), mode) == 0); }

}  // namespace

TEST_CASE("a plain file is read whole, with its bytes as they are") {
  const TempFolder folder;
  const std::string text("one\r\n\0two\xff", 10);
  const auto bytes = read(folder.write("file", text));
  REQUIRE(bytes);
  CHECK(bytes->text == text);
  struct stat stat {};
  REQUIRE(::stat((folder / "file").c_str(), &stat) == 0);
  CHECK(bytes->stat.st_ino == stat.st_ino);
  CHECK(bytes->stat.st_size == 10);
}

TEST_CASE("an empty file is read, and one of exactly the largest size; one byte more is too large") {
  const TempFolder folder;
  CHECK(read(folder.write("empty", ""))->text.empty());
  CHECK(read(folder.write("full", std::string(limit, 'x')))->text.size() == limit);
  CHECK(fault(folder.write("more", std::string(limit + 1, 'x'))).find("larger than") != std::string::npos);
}

TEST_CASE("no file is no error; a link that leads nowhere is one, and a folder on the way that is none") {
  const TempFolder folder;
  CHECK_FALSE(read(folder / "none").has_value());
  CHECK_FALSE(read(folder / "none/none").has_value());
  REQUIRE(symlink("none", (folder / "link").c_str()) == 0);
  CHECK(fault(folder / "link").find("leads nowhere") != std::string::npos);
  folder.write("file", "");
  CHECK_FALSE(fault(folder / "file/x").empty());
  REQUIRE(symlink("loop", (folder / "loop").c_str()) == 0);
  CHECK_FALSE(fault(folder / "loop").empty());
}

TEST_CASE("a path is relative to the folder that is given") {
  const TempFolder folder;
  folder.write("sub/file", "text");
  const host::Fd sub(open((folder / "sub").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const host::FileRules rules{Owner::root, limit, host::ErrorKind::invalid_config};
  CHECK(host::read_file(sub.get(), "file", rules, "x")->text == "text");
  CHECK(failure([&] { host::read_file(sub.get(), ".", rules, "x"); }).substr(0, 17) == "invalid-config: x");
}

TEST_CASE("what is no regular file is refused at once") {
  const TempFolder folder;
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0644) == 0);
  CHECK(fault(folder / "fifo") == "it is not a regular file");
  CHECK(fault(folder.path()) == "it is not a regular file");
  CHECK(fault("/dev/null") == "it is not a regular file");
  CHECK(fault("/dev/zero") == "it is not a regular file");

  const host::Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK_FALSE(fault(folder / "socket").empty());

  for (const char* target : {"fifo", "/dev/null", "."}) {
    const std::string link = folder / "link";
    REQUIRE(symlink(target, link.c_str()) == 0);
    CHECK(fault(link) == "it is not a regular file");
    REQUIRE(unlink(link.c_str()) == 0);
  }
}

TEST_CASE("opening a fifo does not wake who waits to write to it") {
  const TempFolder folder;
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0644) == 0);
  // Nobody writes: with a plain open(2) this would never end. ctest's time limit would tell.
  CHECK(fault(folder / "fifo") == "it is not a regular file");
}

TEST_CASE("a link to a plain file is followed, and the file's owner counts") {
  const TempFolder folder;
  folder.write("file", "text");
  REQUIRE(symlink("file", (folder / "link").c_str()) == 0);
  own(folder / "link", nobody, nobody);
  CHECK(read(folder / "link")->text == "text");
  own(folder / "file", nobody, nobody);
  CHECK_FALSE(fault(folder / "link").empty());
}

TEST_CASE("a file that is not what its size says is not taken") {
  // Files of /proc have size 0 and content: to us they are as files that grow.
  CHECK(fault("/proc/version") == "it changed while it was read");
}

TEST_CASE("who may own a file, and who may write to it") {
  constexpr mode_t plain = 0644, group = 0664, others = 0646, all = 0666, none = 0400, set = 06755;
  const struct {
    uid_t user;
    gid_t group;
    mode_t mode;
    bool root, root_or_caller;  // whether it is read, by a caller that is root
  } cases[] = {
      {0, 0, plain, true, true},        {0, 0, none, true, true},          {0, 0, set, true, true},
      {0, nobody, plain, true, true},   {0, 0, group, false, true},        {0, nobody, group, false, false},
      {0, 0, others, false, false},     {0, 0, all, false, false},         {0, 0, 0602, false, false},
      {nobody, 0, plain, false, false}, {nobody, nobody, 0, false, false}, {1, 0, none, false, false},
  };
  const TempFolder folder;
  const std::string path = folder.write("file", "text");
  for (const auto& one : cases) {
    INFO(one.user << ":" << one.group << " " << std::oct << one.mode);
    own(path, one.user, one.group);
    allow(path, one.mode);
    CHECK(fault(path, Owner::root).empty() == one.root);
    CHECK(fault(path, Owner::root_or_caller).empty() == one.root_or_caller);
  }
}

TEST_CASE("a caller that is not root may own its bundle, never the policy") {
  const TempFolder folder;
  const std::string its = folder.write("its", "text"), other = folder.write("other", "text"),
                    roots = folder.write("roots", "text"), wide = folder.write("wide", "text");
  for (const std::string& path : {its, wide}) own(path, nobody, nobody);
  own(other, 1, 1);
  allow(wide, 0664);
  const std::string seen = tests::in_child([&] {
    if (setgid(nobody) != 0 || setuid(nobody) != 0) return std::string("setuid failed");
    std::string out;
    for (const Owner owner : {Owner::root, Owner::root_or_caller})
      for (const std::string& path : {its, wide, other, roots}) out += fault(path, owner).empty() ? "1" : "0";
    return out;
  });
  // its, with a group of its own that may write, another's, root's
  CHECK(seen ==
        "0001"
        "1101");
}

TEST_CASE("what is told about a file that is refused says how to mend it") {
  const TempFolder folder;
  const std::string path = folder.write("file", "text", 0666);
  CHECK(fault(path) == "others may write to it: chmod go-w it");
  own(path, 1000, 0);
  CHECK(fault(path) == "it belongs to user 1000; it must belong to root: chown root it");
  CHECK(fault(path, Owner::root_or_caller) == "it belongs to user 1000; it must belong to root or to the caller");
}

TEST_CASE("only root can change what a path names") {
  const TempFolder folder;
  const auto reset = [&] {
    for (const char* name : {"a", "a/b", "a/b/c"}) {
      mkdir((folder / name).c_str(), 0755);
      own(folder / name, 0, 0);
      allow(folder / name, 0755);
    }
  };
  const std::string path = folder / "a/b/c";
  const auto holds_with = [&](const char* name, uid_t user, mode_t mode) {
    reset();
    own(folder / name, user, 0);
    allow(folder / name, mode);
    return host::only_root_can_change(path);
  };
  reset();
  CHECK(host::only_root_can_change(path));
  CHECK(host::only_root_can_change("/"));
  CHECK_FALSE(host::only_root_can_change("/tmp"));  // the last one may not even be sticky and for all
  CHECK_FALSE(host::only_root_can_change(""));
  CHECK_FALSE(host::only_root_can_change("tmp"));
  CHECK_FALSE(host::only_root_can_change(folder / "none"));
  CHECK_FALSE(host::only_root_can_change(folder / "a/none/c"));

  for (const char* name : {"a", "a/b", "a/b/c"}) {
    CAPTURE(name);
    CHECK(holds_with(name, 0, 0711));
    CHECK_FALSE(holds_with(name, nobody, 0755));
    CHECK_FALSE(holds_with(name, 0, 0775));
    CHECK_FALSE(holds_with(name, 0, 0757));
    CHECK_FALSE(holds_with(name, nobody, 01777));
  }
  CHECK(holds_with("a", 0, 01777));
  CHECK(holds_with("a/b", 0, 01775));
  CHECK_FALSE(holds_with("a/b/c", 0, 01777));
}

TEST_CASE("a link on the way is somebody's word for another path: no answer is given for it") {
  const TempFolder folder;
  folder.write("real/file", "");
  REQUIRE(symlink("real", (folder / "link").c_str()) == 0);
  REQUIRE(symlink("real/file", (folder / "file").c_str()) == 0);
  CHECK(host::only_root_can_change(folder / "real/file"));
  CHECK_FALSE(host::only_root_can_change(folder / "link/file"));
  CHECK_FALSE(host::only_root_can_change(folder / "link"));
  CHECK_FALSE(host::only_root_can_change(folder / "file"));
}

TEST_CASE("standard descriptors that are closed are filled, and close on exec; open ones stay") {
  const std::string seen = tests::in_child([] {
    struct stat before {
    }, after{}, null{};
    fstat(2, &before);
    close(0);
    close(1);
    host::fill_standard_descriptors();
    stat("/dev/null", &null);
    std::string out;
    for (int fd = 0; fd <= 1; ++fd) {
      fstat(fd, &after);
      out += after.st_rdev == null.st_rdev && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 ? "null " : "not null ";
    }
    fstat(2, &after);
    out += after.st_ino == before.st_ino && (fcntl(2, F_GETFD) & FD_CLOEXEC) == 0 ? "same" : "changed";
    return out;
  });
  CHECK(seen == "null null same");
}
