// Editing JSON as text, so that everything but the edited part keeps its bytes: indentation, order, numbers, line ends.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace engines {

class JsonText {
 public:
  // `text`, of the file `name`, holds one object; an empty one counts as {}. Throws Error (invalid_config), with line
  // and column, if it holds something else, comments or a NUL. A byte order mark stays.
  JsonText(std::string name, std::string text);

  const std::string& text() const { return text_; }
  // Where the keys lead: {"runtimes", "ipcguard"}.
  using Keys = std::vector<std::string>;

  // The value there; null (nlohmann's `discarded`) where there is none.
  nlohmann::ordered_json at(const Keys& keys) const;

  // Puts a value there, in place of the one that is there, or after the last member of its object, laid out as that is.
  // The objects above are made if need be. Throws Error if one of them is not an object, or has a key twice.
  void set(const Keys& keys, const nlohmann::ordered_json& value);
  // Takes the member away, if it is there.
  void remove(const Keys& keys);

  // "FILE:LINE:COLUMN", of the value there or of the nearest above it.
  std::string place(const Keys& keys) const;

 private:
  struct Member {
    std::string key;
    std::size_t begin, value, end;  // offsets: of the key, of the value, behind the value
  };
  struct Object {
    std::size_t begin, end;  // of the braces
    std::vector<Member> members;
  };
  Object object_at(std::size_t offset) const;
  const Member* find(const Object& object, const std::string& key) const;
  std::string indentation() const;
  std::string line_and_column(std::size_t offset) const;
  void insert(const Object& object, const std::string& key, const nlohmann::ordered_json& value);

  std::string name_, text_;
  std::size_t root_ = 0;
};

}  // namespace engines
