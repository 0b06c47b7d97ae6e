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
  // Reads JSON with comments. Where it is not well-formed, or has a key twice, a problem is noted and the tree holds
  // what came before.
  Document(std::string file, std::string_view text);

  const Node& root() const { return root_; }

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
  Problems problems_;
};

}  // namespace config
