#include "host/wire.h"

#include <limits>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Packer;
using host::Unpacker;

namespace {

std::string packed_text(std::string_view text) {
  Packer packer;
  packer.text(text);
  return packer.take();
}

std::string packed_number(std::uint64_t number) {
  Packer packer;
  packer.number(number);
  return packer.take();
}

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("what is packed is unpacked") {
  const std::map<std::string, std::string> map{{"", "empty key"}, {"a", ""}, {std::string("\0b", 2), "\xff"}};
  const std::string nul("x\0y", 3);
  Packer packer;
  packer.number(0);
  packer.number(largest);
  packer.text("");
  packer.text(nul);
  packer.map({});
  packer.map(map);
  packer.number(1);
  packer.number(0);
  const std::string bytes = packer.take();

  Unpacker unpacker(bytes);
  CHECK(unpacker.number() == 0);
  CHECK(unpacker.number() == largest);
  CHECK(unpacker.text().empty());
  CHECK(unpacker.text() == nul);
  CHECK(unpacker.map().empty());
  CHECK(unpacker.map() == map);
  CHECK(unpacker.flag());
  CHECK_FALSE(unpacker.flag());
  CHECK_NOTHROW(unpacker.end());
}

TEST_CASE("a part that is cut off is nonsense, wherever the cut is") {
  Packer packer;
  packer.number(7);
  packer.text("text");
  packer.map({{"key", "value"}});
  const std::string bytes = packer.take();
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    const std::string kind = tests::kind_of_failure([&] {
      Unpacker unpacker(std::string_view(bytes).substr(0, size));
      unpacker.number();
      unpacker.text();
      unpacker.map();
      unpacker.end();
    });
    CHECK(kind == (size == bytes.size() ? "" : "unverifiable"));
  }
}

TEST_CASE("lengths that promise more than there is are nonsense") {
  for (const std::uint64_t length :
       {std::uint64_t{1}, std::uint64_t{100}, std::uint64_t{1} << 32U, largest - 7, largest}) {
    CAPTURE(length);
    const std::string bytes = packed_number(length);
    CHECK(tests::kind_of_failure([&] { Unpacker(bytes).text(); }) == "unverifiable");
    CHECK(tests::kind_of_failure([&] { Unpacker(bytes).map(); }) == "unverifiable");
  }
}

TEST_CASE("more than was expected is nonsense") {
  const std::string bytes = packed_text("a") + "b";
  Unpacker unpacker(bytes);
  CHECK(unpacker.text() == "a");
  CHECK(tests::kind_of_failure([&] { unpacker.end(); }) == "unverifiable");
}

TEST_CASE("a flag is 0 or 1") {
  for (const std::uint64_t value : {std::uint64_t{2}, std::uint64_t{256}, largest}) {
    const std::string bytes = packed_number(value);
    CHECK(tests::kind_of_failure([&] { Unpacker(bytes).flag(); }) == "unverifiable");
  }
}
