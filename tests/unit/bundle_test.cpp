#include "oci/bundle.h"

#include <optional>
#include <string>
#include <vector>

#include "host/text.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using oci::read_bundle;

namespace {

// "none", "new" or the path; the kind of failure where there is one.
std::string found(const std::string& document, std::optional<oci::Namespace> oci::Bundle::*which) {
  std::string out;
  const std::string kind = tests::kind_of_failure([&] {
    const auto declared = read_bundle(document).*which;
    out = declared ? declared->path.value_or("new") : "none";
  });
  return kind.empty() ? out : kind;
}
std::string ipc(const std::string& document) { return found(document, &oci::Bundle::ipc); }

// The sources of mounts, "NAME=PATH", with a "*" where they are recursive; the kind of failure where there is one.
std::string sources(const std::string& document) {
  std::string out;
  const std::string kind = tests::kind_of_failure([&] {
    for (const oci::MountSource& one : read_bundle(document).sources)
      out += (out.empty() ? "" : "; ") + one.name + "=" + one.path + (one.recursive ? "*" : "");
  });
  return kind.empty() ? out : kind;
}

std::string with_entries(const std::string& entries) { return "{\"linux\":{\"namespaces\":[" + entries + "]}}"; }
std::string with_annotations(const std::string& annotations) {
  return "{\"annotations\":{" + annotations + "},\"linux\":{\"namespaces\":[{\"type\":\"ipc\"}]}}";
}

}  // namespace

TEST_CASE("what config.json says about the ipc namespace") {
  const struct {
    std::string document, found;
  } cases[] = {
      {"{}", "none"},
      {R"({"linux":{}})", "none"},
      {with_entries(""), "none"},
      {with_entries(R"({"type":"mount"},{"type":"pid","path":"/x"})"), "none"},
      {with_entries(R"({"type":"ipc"})"), "new"},
      {with_entries(R"({"type":"ipc","path":""})"), "ambiguous-config"},
      {with_entries(R"({"type":"network","path":""},{"type":"ipc"})"), "new"},
      {with_entries(R"({"type":"pid","path":""},{"type":"ipc"})"), "ambiguous-config"},
      {with_entries(R"({"type":"pid"},{"type":"ipc","path":"/proc/1/ns/ipc"},{"type":"net","path":"/x"})"),
       "/proc/1/ns/ipc"},
      {with_entries(R"({"path":"/a","type":"ipc"})"), "/a"},
      {with_entries(R"({"type":"mount","path":"/x"},{"type":"ipc"})"), "new"},
      {with_entries(R"({"path":"/x"},{},{"type":"ipc"})"), "new"},
      {with_entries(R"({"type":"\u0069pc","path":"\/a"})"), "/a"},
      {with_entries(R"({"type":"IPC"},{"type":"ipc "},{"type":""},{"type":"ipcs"})"), "none"},
      {R"({"namespaces":[{"type":"ipc"}],"linux":{"x":{"namespaces":[{"type":"ipc"}]}}})", "none"},
      {with_entries(R"({"type":"ipc"},{"type":"ipc"})"), "ambiguous-config"},
      {with_entries(R"({"type":"ipc"},{"type":"mount"},{"type":"ipc","path":"/x"})"), "ambiguous-config"},
      {with_entries(R"({"type":"mount"},{"type":"mount"},{"type":"ipc"})"), "ambiguous-config"},
      {with_entries(R"({"type":"network"},{"type":"network"},{"type":"ipc"})"), "new"},
      {with_entries(R"({"type":"ipc","Path":"/x"})"), "ambiguous-config"},
      {with_entries(R"({"type":"ipc","path":null})"), "ambiguous-config"},
      {"{", "invalid-config"},
      {"", "invalid-config"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.document);
    CHECK(ipc(one.document) == one.found);
  }
}

TEST_CASE("the pid and mount namespaces are read alike") {
  const std::string entries = with_entries(R"({"type":"ipc","path":"/i"},{"type":"mount"},{"type":"pid","path":"/p"})");
  CHECK(found(entries, &oci::Bundle::ipc) == "/i");
  CHECK(found(entries, &oci::Bundle::pid) == "/p");
  CHECK(found(entries, &oci::Bundle::mount) == "new");
  CHECK(found("{}", &oci::Bundle::pid) == "none");
  CHECK(found(with_entries(R"({"type":"pid"},{"type":"pid"})"), &oci::Bundle::pid) == "ambiguous-config");
}

TEST_CASE("the sources that mounts bring in") {
  const auto with_mount = [](const std::string& mount) { return sources("{\"mounts\":[" + mount + "]}"); };
  CHECK(sources("{}").empty());
  CHECK(sources(R"({"mounts":[]})").empty());
  CHECK(with_mount(R"({"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]})").empty());
  CHECK(with_mount(R"({"destination":"/a","type":"bind","source":"/b"})") == "mounts[0] on '/a'=/b");
  CHECK(with_mount(R"({"destination":"/a","source":"/b","options":["bind"]})") == "mounts[0] on '/a'=/b");
  CHECK(with_mount(R"({"destination":"/a","source":"/b","options":["ro","rbind"]})") == "mounts[0] on '/a'=/b*");
  // crun takes a recursive propagation for a recursive bind (measured with 1.8.1), runc does not.
  for (const char* option : {"rprivate", "rslave", "rshared", "runbindable"})
    CHECK(with_mount(R"({"destination":"/a","source":"/b","options":["bind",")" + std::string(option) + "\"]}") ==
          "mounts[0] on '/a'=/b*");
  CHECK(with_mount(R"({"destination":"/a","source":"/b","options":["bind","private","slave"]})") ==
        "mounts[0] on '/a'=/b");
  CHECK(with_mount(R"({"options":["bind"],"type":"tmpfs","source":"b","destination":"/a"})") == "mounts[0] on '/a'=b");
  CHECK(with_mount(R"({"destination":"/a","type":"tmpfs","source":"/b","options":["bind=x","Bind"," bind"]})").empty());
  CHECK(with_mount(R"({"destination":"/a","type":"x"},{"destination":"/c","type":"bind","source":"d"})") ==
        "mounts[1] on '/c'=d");
  CHECK(with_mount(R"({"destination":"/a\n","type":"bind","source":"/b\n"})") == "mounts[0] on '/a\\x0a'=/b\n");
  CHECK(with_mount(R"({"type":"bind"})") == "mounts[0] on ''=");
  CHECK(sources(R"({"root":{"path":"rootfs"}})") == "root.path=rootfs*");
  CHECK(sources(R"({"root":{"path":""}})").empty());
}

TEST_CASE("the layers of an overlay are sources") {
  const auto with_option = [](const std::string& option) {
    return sources("{\"mounts\":[{\"destination\":\"/a\",\"type\":\"overlay\",\"options\":[\"" + option + "\"]}]}");
  };
  const std::string name = "mounts[0] on '/a'=";
  CHECK(with_option("lowerdir=/l").substr(name.size()) == "/l");
  CHECK(with_option("upperdir=/u") == name + "/u");
  CHECK(with_option("lowerdir+=/l") == name + "/l");
  CHECK(with_option("lowerdir=/l:/m::/n") == name + "/l; " + name + "/m; " + name + "/n");
  CHECK(with_option("lowerdir=/a\\\\:b:/c") == name + "/a:b; " + name + "/c");
  CHECK(with_option("lowerdir=/a\\\\") == "ambiguous-config");
  // Runtimes hand an option that they do not know to the kernel, which divides it at commas.
  CHECK(with_option("ro,lowerdir=/l") == name + "/l");
  CHECK(with_option("lowerdir=/l,upperdir=/u,workdir=/w") == name + "/l; " + name + "/u; " + name + "/w");
  CHECK(with_option("lowerdir=/a\\\\,b") == name + "/a,b");
  CHECK(with_option("lower=/l").empty());
  CHECK(with_option("lowerdir").empty());
}

TEST_CASE("devices are sources where they may be bound") {
  const auto with_devices = [](const std::string& devices, const std::string& entries = "") {
    return sources("{\"linux\":{\"devices\":" + devices + ",\"namespaces\":[" + entries + "]}}");
  };
  const std::string user = R"({"type":"user"})", null = R"([{"type":"c","path":"/dev/null","major":1,"minor":3}])";
  CHECK(with_devices("null", user).empty());
  CHECK(with_devices("[]", user).empty());
  CHECK(with_devices(null).empty());
  CHECK(with_devices(null, user) == "linux.devices[0]=/dev/null");
  // Ordinary ones of the host's /dev are only bound there; any other may be.
  for (const char* path : {"/dev/sda", "/dev/net/tun", "/dev/shmx", "/dev/mapper/a", "/dev/mqueues"}) {
    CAPTURE(path);
    CHECK(with_devices("[{\"path\":\"" + std::string(path) + "\"}]").empty());
  }
  for (const char* path : {"/dev/shm", "/dev/shm/x", "/dev/mqueue/x", "/dev/fd/3", "/dev/stdin", "/dev/../x",
                           "/dev/./shm/x", "/dev//shm/x", "/devx", "/dev", "dev/sda", "", "/tmp/x"}) {
    CAPTURE(path);
    CHECK(with_devices(null.substr(0, null.size() - 1) + ",{\"path\":\"" + std::string(path) + "\"}]") ==
          "linux.devices[1]=" + std::string(path));
  }
  for (const char* devices :
       {"{}", "[null]", "[[]]", R"([{"path":1}])", R"([{"Path":"/dev/shm/x"}])", R"([{"path":null}])"}) {
    CAPTURE(devices);
    CHECK(with_devices(devices) == "ambiguous-config");
  }
}

TEST_CASE("mounts and the root file system are read strictly") {
  for (const char* document :
       {R"({"mounts":{}})", R"({"mounts":null})", R"({"mounts":[null]})", R"({"mounts":[[]]})",
        R"({"mounts":[{"source":1}]})", R"({"mounts":[{"Source":"/dev/shm"}]})", R"({"mounts":[{"type":null}]})",
        R"({"mounts":[{"options":"bind"}]})", R"({"mounts":[{"options":[1]}]})", R"({"mounts":[{"optionſ":["bind"]}]})",
        R"({"mounts":[{"source":"/a","source":"/b"}]})", R"({"Mounts":[]})", R"({"mountſ":[]})", R"({"root":[]})",
        R"({"root":{"Path":"x"}})", R"({"root":null})", R"({"root":{"path":null}})"}) {
    CAPTURE(document);
    CHECK(sources(document) == "ambiguous-config");
  }
  CHECK(sources("{\"mounts\":[{\"source\":\"" + std::string(4096, 'a') + "\"}]}") == "invalid-config");
  CHECK(sources("{\"mounts\":[{\"options\":[\"" + std::string(10000, 'a') + "\"]}]}").empty());
}

TEST_CASE("a path is as long as a path can be, and no longer; the same for a type") {
  CHECK(ipc(with_entries("{\"type\":\"ipc\",\"path\":\"/" + std::string(4094, 'a') + "\"}")).size() == 4095);
  CHECK(ipc(with_entries("{\"type\":\"ipc\",\"path\":\"/" + std::string(4095, 'a') + "\"}")) == "invalid-config");
  CHECK(ipc(with_entries("{\"type\":\"ipc\"},{\"type\":\"net\",\"path\":\"/" + std::string(4095, 'a') + "\"}")) ==
        "invalid-config");
  CHECK(ipc(with_entries("{\"type\":\"" + std::string(4095, 'a') + "\"}")) == "none");
  CHECK(ipc(with_entries("{\"type\":\"" + std::string(4096, 'a') + "\"}")) == "invalid-config");
}

TEST_CASE("the annotations that are kept are those that say whose container it is, or configure CRIU") {
  const auto kept = [](const std::string& annotations) {
    return read_bundle(with_annotations(annotations)).annotations;
  };
  CHECK(kept("").empty());
  CHECK(kept(R"("a":"b","io.kubernetes.cri.sandbox-uid":"n","IO.kubernetes.cri.sandbox-id":"x","":"")").empty());
  const auto all = kept(R"("io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"a",
      "io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.pod.uid":"u","io.kubernetes.cri-o.SandboxID":"","org.criu.config":"/x","o":"p")");
  CHECK(all == oci::Annotations{{"io.kubernetes.cri.container-type", "container"},
                                {"io.kubernetes.cri.sandbox-id", "a"},
                                {"io.kubernetes.pod.uid", "u"},
                                {"io.kubernetes.cri-o.SandboxID", ""},
                                {"org.criu.config", "/x"}});
  for (const auto& [key, value] : all) CHECK(oci::is_kept_annotation(key));
  CHECK_FALSE(oci::is_kept_annotation(""));
  CHECK_FALSE(oci::is_kept_annotation("io.kubernetes.cri.container-typ"));
}

TEST_CASE("annotations of any length are fine where they are not kept") {
  const std::string longest(4095, 'x'), longer(4096, 'x');
  const auto kind = [](const std::string& annotations) {
    return tests::kind_of_failure([&] { read_bundle(with_annotations(annotations)); });
  };
  CHECK(kind("\"a\":\"" + std::string(1 << 20, 'x') + "\"").empty());
  CHECK(kind("\"org.criu.config\":\"" + longest + "\"").empty());
  CHECK(kind("\"org.criu.config\":\"" + longer + "\"") == "invalid-config");
  // All that can be kept together, at its longest, still is an answer.
  std::string all;
  for (const char* key :
       {"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri.sandbox-namespace",
        "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.container-name", "io.kubernetes.cri.image-name",
        "io.kubernetes.cri-o.SandboxID", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.ImageRef",
        "io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.pod.uid",
        "io.kubernetes.container.name", "org.criu.config"})
    all += (all.empty() ? "\"" : ",\"") + std::string(key) + "\":\"" + longest + "\"";
  CHECK(read_bundle(with_annotations(all)).annotations.size() == 14);
}

TEST_CASE("the bytes of a document do no more than be read") {
  // Each byte of a real document, changed in turn: an answer or an Error, nothing else.
  const std::string document = with_annotations(R"("io.kubernetes.cri.sandbox-id":"a")");
  for (std::size_t at = 0; at < document.size(); ++at) {
    for (const char byte : {'\0', '"', '{', ']', '\\', '\xff', '/'}) {
      std::string changed = document;
      changed[at] = byte;
      CAPTURE(host::quoted(changed));
      const std::string kind = tests::kind_of_failure([&] { read_bundle(changed); });
      CHECK((kind.empty() || kind == "ambiguous-config" || kind == "invalid-config"));
    }
  }
}

TEST_CASE("every document that is cut off is refused") {
  const std::string document = with_annotations(R"("io.kubernetes.cri.sandbox-id":"\ud83d\ude00é")");
  REQUIRE(ipc(document) == "new");
  for (std::size_t size = 0; size < document.size(); ++size) {
    CAPTURE(document.substr(0, size));
    const std::string seen = ipc(document.substr(0, size));
    CHECK((seen == "invalid-config" || seen == "ambiguous-config"));
  }
}

namespace {

std::string repeated(const std::string& part, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

#ifdef NDEBUG
constexpr bool optimised = !tests::under_asan;
#else
constexpr bool optimised = false;
#endif
// What is to be read takes too long without optimisation: the sandbox's limit would end it.
constexpr std::size_t large = optimised ? std::size_t{10} << 20U : std::size_t{1} << 20U;

}  // namespace

TEST_CASE("a large document is read", "[needs speed]") {
  const std::string entry = R"({"name":"SOME_VARIABLE","value":"some value of it","numbers":[1,2.5,-3,true,null]},)";
  const std::string document =
      "{\"process\":[" + repeated(entry, large) + "{}],\"linux\":{\"namespaces\":[{\"type\":\"ipc\"}]}}";
  CHECK(ipc(document) == "new");
  CHECK(ipc("{\"x\":\"" + std::string(large, 'x') + "\"}") == "none");
}

TEST_CASE("large hostile documents are refused, for what they are or for what they need", "[needs speed]") {
  std::string keys = "{";
  for (std::size_t at = 0; keys.size() < large; ++at) keys += "\"" + std::to_string(at) + "\":0,";
  const struct {
    const char* name;
    std::string document;
    bool may_be_read;
  } cases[] = {
      {"deep lists", repeated("[", large), false},
      {"deep objects", repeated("{\"x\":", large), false},
      {"100000 levels", std::string(100000, '[') + std::string(100000, ']'), false},
      {"entries", with_entries(repeated("{},", large) + "{\"type\":\"ipc\"}"), true},
      {"ipc entries", with_entries(repeated("{\"type\":\"ipc\"},", large) + "{}"), false},
      {"bind mounts", "{\"mounts\":[" + repeated(R"({"type":"bind","source":"/"},)", large) + "{}]}", true},
      {"options", R"({"mounts":[{"type":"bind","options":[)" + repeated("\"lowerdir=/\",", large) + "\"\"]}]}", true},
      {"keys", keys + "\"0\":1}", false},
      {"annotations", with_annotations(keys.substr(1) + "\"x\":\"y\""), false},
      {"a text without end", "{\"x\":\"" + std::string(large, 'x'), false},
      {"a number without end", "{\"x\":" + std::string(large, '9') + "x", false},
      {"blanks", std::string(large, ' '), false},
      {"escapes", "{\"x\":\"" + repeated("\\u00e9", large) + "\\u0000\"}", false},
      {"NUL at the end", std::string(large, ' ') + std::string(1, '\0'), false},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const std::string kind = tests::kind_of_failure([&] { read_bundle(one.document); });
    CAPTURE(kind);
    if (!one.may_be_read) CHECK_FALSE(kind.empty());
  }
}
