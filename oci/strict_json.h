// Reading a JSON document so that every reader reads the same: what one runtime takes and another drops is an error.
//
// The grammar is nlohmann/json's. On top of it, for the whole document: UTF-8, no byte order mark, no NUL (crun ends
// strings there), no key twice in an object (runc takes the last, crun before 1.28 the first), one value and nothing
// after it (runc ignores what follows), at most 100 levels. For what a Shape reads: the type it names and no null (crun
// takes another type as absent, Go's null keeps an earlier value), and beside its keys none that Go's encoding/json
// would take for them: "Linux", "linuX", "ſ" (U+017F) for "s", "K" (U+212A) for "k".
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace oci {

// What is read of a document, as a tree of constants; made with the functions below. Tags are the caller's, to tell
// what it is handed.
struct Shape {
  struct Member;
  enum class Kind { object, map, array, text, number };

  Kind kind;
  int tag;
  bool nullable = false;            // null counts as absent
  std::span<const Member> members;  // of an object
  const Shape* element = nullptr;   // of an array
};

struct Shape::Member {
  std::string_view key;
  Shape shape;
};

// A Go struct: keys are matched as Go matches them. Keys that are not listed may hold anything.
constexpr Shape object(std::span<const Shape::Member> members, int tag = 0) {
  return {Shape::Kind::object, tag, false, members, nullptr};
}
// A Go map from text to text: keys are data, and ones that differ in case are different.
constexpr Shape map(int tag) { return {Shape::Kind::map, tag, false, {}, nullptr}; }
constexpr Shape array(const Shape& element) { return {Shape::Kind::array, 0, false, {}, &element}; }
constexpr Shape text(int tag) { return {Shape::Kind::text, tag, false, {}, nullptr}; }
constexpr Shape number(int tag) { return {Shape::Kind::number, tag, false, {}, nullptr}; }  // whole, not negative
constexpr Shape nullable(Shape shape) {
  shape.nullable = true;
  return shape;
}

// Is told what a Shape reads, in the document's order.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void opened(int /*tag*/) {}  // an object, map or array of the shape begins
  virtual void text(int /*tag*/, std::string_view /*value*/) {}
  virtual void entry(int /*tag*/, std::string_view /*key*/, std::string_view /*value*/) {}  // of a map
  virtual void number(int /*tag*/, std::uint64_t /*value*/) {}
};

// Reads `document`. Throws host::Error, ambiguous_config or invalid_config, that says what is wrong and where in it; a
// throw of the listener's goes through.
void read_strictly(std::string_view document, const Shape& shape, Listener& listener);

// Whether Go's encoding/json takes `key` for `field` (its foldName: Unicode simple folding), the same key included.
bool folds_to(std::string_view key, std::string_view field);

}  // namespace oci
