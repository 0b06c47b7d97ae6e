// A policy file as a tree that knows where in the file each part stands, and the problems found in it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace config {

// What is wrong, where. Lines and columns (in bytes) count from 1; 0 means the file as a whole.
struct Problem {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
  std::string message;

  // "FILE:LINE:COLUMN: MESSAGE", as compilers have it.
  std::string text() const;
};
using Problems = std::vector<Problem>;

struct Member;

struct Node {
  enum class Kind { null, boolean, number, text, array, object };
  Kind kind = Kind::null;
  std::size_t offset = 0;  // in the file, of the first byte
  bool boolean = false;
  std::string text;
  std::vector<Node> items;      // of an array
  std::vector<Member> members;  // of an object, in the file's order
};

struct Member {
  std::string key;
  std::size_t offset = 0;  // of the key
  Node value;
};

class Document {
 public:
  // A list that may be long, the root's member `key`: `read` is handed each item as soon as it is whole, and then the
  // tree lets go of it, so that the list never stands in memory as a tree.
  struct List {
    std::string_view key;
    std::function<void(Document&, const Node&)> read;
  };

  // Reads JSON with comments. Where it is not well-formed, or has a key twice, a problem is noted and the tree holds
  // what came before.
  Document(std::string file, std::string_view text, const List& list = {});

  const Node& root() const { return root_; }
  bool well_formed() const { return well_formed_; }

  // Where a byte of the file stands. Quick if asked for in the file's order.
  struct Place {
    std::size_t line = 1, column = 1;
  };
  Place place(std::size_t offset);

  // Notes a problem with the part at `offset`.
  void problem(std::size_t offset, const std::string& message);
  const Problems& problems() const { return problems_; }

  // What an object may hold: for each key what reads its value.
  struct Field {
    std::string_view key;
    std::function<void(const Node&)> read;
    bool required = false;
  };
  // Hands each member of `node` to its field. Notes unknown keys, missing ones, and a node that is no object; `what`
  // names it in messages.
  void read_object(const Node& node, std::string_view what, const std::vector<Field>& fields);

  // The value of a node that must be of that kind, else a problem is noted; `what` as above.
  std::optional<std::string> read_text(const Node& node, std::string_view what);  // not empty
  std::optional<bool> read_boolean(const Node& node, std::string_view what);
  // One text or a list of at least one, none of them empty.
  std::vector<std::string> read_texts(const Node& node, std::string_view what);
  std::optional<std::string> read_absolute_path(const Node& node, std::string_view what);

 private:
  friend class Builder;

  std::string file_;
  std::string_view text_;
  Node root_;
  bool well_formed_ = false;
  Problems problems_;
  std::size_t placed_ = 0, line_ = 1, line_start_ = 0;  // the offset asked for last, its line, and where that begins
};

}  // namespace config
