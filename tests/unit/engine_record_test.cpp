#include "oci/engine_record.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using oci::read_docker_record;
using tests::TempFolder;

namespace {

const std::string real_id = "b74aad446dda3252022ae1e5a66e4544915d204afac6d9f091671a0692983f44";

void put(const TempFolder& folder, const std::string& id, const std::string& text, mode_t mode = 0600) {
  folder.write("containers/" + id + "/config.v2.json", text, mode);
}

// The kind of failure of reading a record of container "id" with that text.
std::string kind(const std::string& text) {
  const TempFolder folder;
  put(folder, "id", text);
  return tests::kind_of_failure([&] { read_docker_record(folder.path(), "id"); });
}

}  // namespace

TEST_CASE("a record that Docker 20.10 wrote") {
  const TempFolder folder;
  put(folder, real_id, tests::data("docker.config.v2.json"));
  const auto record = read_docker_record(folder.path(), real_id);
  REQUIRE(record);
  CHECK(record->name == "labelled");
  CHECK(record->image == "img:1");
  CHECK(record->image_id == "sha256:baedeaaf709daa8ebc5fa93ed15f69c763bc0aa88c8a0af3ed6bc3140833d2c5");
  CHECK(record->labels == std::map<std::string, std::string>{{"team", "ml"}, {"weird", "a\"b"}});
}

TEST_CASE("no record is no error") {
  const TempFolder folder;
  CHECK_FALSE(read_docker_record(folder.path(), real_id));
  CHECK_FALSE(read_docker_record(folder / "none", real_id));
  put(folder, "other", "{}");
  CHECK_FALSE(read_docker_record(folder.path(), real_id));
}

TEST_CASE("a record of another container is not this one's") {
  const TempFolder folder;
  put(folder, "id", tests::data("docker.config.v2.json"));
  const std::string error = tests::failure([&] { read_docker_record(folder.path(), "id"); });
  CHECK(error.find("unverifiable: ") == 0);
  CHECK(error.find("another container's") != std::string::npos);
  CHECK(kind("{}") == "unverifiable");
  CHECK(kind(R"({"ID":"ID"})") == "unverifiable");
}

TEST_CASE("labels may be null, and are text") {
  CHECK(kind(R"({"ID":"id","Config":{"Labels":null}})").empty());
  CHECK(kind(R"({"ID":"id","Config":{"Labels":{}}})").empty());
  CHECK(kind(R"({"ID":"id","Config":{}})").empty());
  CHECK(kind(R"({"ID":"id"})").empty());
  CHECK(kind(R"({"ID":"id","Config":null})") == "ambiguous-config");
  CHECK(kind(R"({"ID":"id","Config":{"Labels":{"a":1}}})") == "ambiguous-config");
  CHECK(kind(R"({"ID":"id","Config":{"Labels":{"a":"b","a":"c"}}})") == "ambiguous-config");
}

TEST_CASE("a record is read as strictly as a config.json") {
  CHECK(kind("") == "invalid-config");
  CHECK(kind(R"({"ID":"id","id":"id"})") == "ambiguous-config");
  CHECK(kind(R"({"ID":"id","ID":"id"})") == "ambiguous-config");
  CHECK(kind(R"({"ID":"id","Name":1})") == "ambiguous-config");
  CHECK(kind(R"({"ID":"id","Name":"/a","Image":"x","Config":{"Image":"y","image":"z"}})") == "ambiguous-config");
  CHECK(kind(R"({"ID":"id"}x)") == "ambiguous-config");
}

TEST_CASE("only the first slash of a name is Docker's") {
  const auto name = [](const std::string& text) {
    const TempFolder folder;
    put(folder, "id", "{\"ID\":\"id\",\"Name\":\"" + text + "\"}");
    return read_docker_record(folder.path(), "id")->name;
  };
  CHECK(name("/a") == "a");
  CHECK(name("a") == "a");
  CHECK(name("//a") == "/a");
  CHECK(name("/a/b") == "a/b");
  CHECK(name("").empty());
}

TEST_CASE("a record that others could have written is not believed") {
  const TempFolder folder;
  const std::string path = folder / "containers/id/config.v2.json", text = R"({"ID":"id"})";
  const auto fails = [&] { return !tests::failure([&] { read_docker_record(folder.path(), "id"); }).empty(); };
  put(folder, "id", text);
  CHECK_FALSE(fails());
  put(folder, "id", text, 0620);
  CHECK(fails());
  put(folder, "id", text, 0602);
  CHECK(fails());
  put(folder, "id", text);
  REQUIRE(chown(path.c_str(), tests::nobody, 0) == 0);
  CHECK(fails());
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK(fails());
}

TEST_CASE("very many labels are an error rather than an answer without end") {
  std::string labels;
  for (int at = 0; at < 20000; ++at)
    labels += (at == 0 ? "\"" : ",\"") + std::to_string(at) + "\":\"" + std::string(50, 'x') + "\"";
  CHECK(kind("{\"ID\":\"id\",\"Config\":{\"Labels\":{" + labels + "}}}") == "unverifiable");
}

namespace {

struct Storage {
  explicit Storage(const std::string& text, const char* file = "containers.json") { folder.write(file, text, 0600); }
  std::string seen(const std::string& id = "id") const {
    std::string out;
    const std::string kind = tests::kind_of_failure([&] {
      const auto record = oci::read_storage_record(folder.path(), id);
      out =
          record ? record->name + " " + record->image + " " + record->image_id + (record->crio ? " crio" : "") : "none";
    });
    return kind.empty() ? out : kind;
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("records of containers/storage") {
  const Storage two(R"([{"id":"other","names":["x"],"image":"1","metadata":"{\"image-name\":\"x\"}"},
                        {"id":"id","names":["a","b"],"image":"2","metadata":"{\"image-name\":\"y\",\"name\":\"z\"}"}])");
  CHECK(two.seen() == "a y 2");
  CHECK(two.seen("other") == "x x 1");
  CHECK(two.seen("none") == "none");
  CHECK(Storage("[]").seen() == "none");
  CHECK(Storage(R"([{"id":"id"}])").seen() == "  ");
  CHECK(Storage(R"([{"id":"id","names":null,"metadata":""}])").seen() == "  ");
  CHECK(Storage(R"([{"id":"id"}])", "volatile-containers.json").seen() == "  ");
  CHECK(Storage(R"([{"id":"id"}])", "other.json").seen() == "none");
}

TEST_CASE("CRI-O's metadata has three members that Podman's never has") {
  const auto metadata = [](const std::string& text) {
    return Storage(R"([{"id":"id","metadata":"{)" + text + "}\"}]").seen();
  };
  CHECK(metadata(R"(\"pod-id\":\"p\",\"pod-name\":\"n\",\"metadata-name\":\"m\")") == "   crio");
  CHECK(metadata(R"(\"pod-id\":\"p\",\"pod-name\":\"n\")") == "  ");
  CHECK(metadata(R"(\"pod-id\":\"p\",\"pod-name\":\"\",\"metadata-name\":\"m\")") == "  ");
  CHECK(metadata(R"(\"name\":\"pod-id\")") == "  ");
}

TEST_CASE("a record that is there and cannot be understood is unverifiable") {
  for (const char* text : {"", "{}", "[", "[1]", R"([{"id":"id","ID":"x"}])", R"([{"id":"id"},{"id":"id"}])",
                           R"([{"id":"id","metadata":"{"}])", R"([{"id":"id","metadata":"[]"}])", R"([{"id":1}])"}) {
    CAPTURE(text);
    CHECK(Storage(text).seen() == "unverifiable");
  }
}
