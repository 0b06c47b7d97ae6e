#include "oci/strict_json.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "host/error.h"
#include "host/text.h"

namespace oci {

namespace {

using host::Error;
using host::ErrorKind;

// What the lexer collects a text in, byte by byte: with std::string each of them is a call into libstdc++.
class Text {
 public:
  using value_type = char;
  Text() = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  [[gnu::always_inline]] void push_back(char byte) {
    if (next_ == end_) grow();
    *next_++ = byte;
  }
  void clear() { next_ = bytes_.data(); }
  const char* data() {  // ended by a NUL, for strtoull
    push_back('\0');
    --next_;
    return bytes_.data();
  }
  std::size_t size() const { return static_cast<std::size_t>(next_ - bytes_.data()); }
  operator std::string_view() const { return {bytes_.data(), size()}; }

 private:
  [[gnu::noinline]] void grow() {
    const std::size_t used = size();
    bytes_.resize(2 * used + 512);
    next_ = bytes_.data() + used;
    end_ = bytes_.data() + bytes_.size();
  }

  std::vector<char> bytes_;
  char* next_ = nullptr;
  char* end_ = nullptr;
};
using Json = nlohmann::basic_json<std::map, std::vector, Text>;

constexpr std::size_t max_depth = 100;

Error ambiguous(const std::string& what) {
  return {ErrorKind::ambiguous_config, what + "; runtimes read that differently"};
}
Error invalid(const std::string& what) { return {ErrorKind::invalid_config, what}; }

// The next letter of `text`, folded, and taken off it. Only U+017F and U+212A fold to ASCII from outside it.
char next_folded(std::string_view& text) {
  const char letter = text.front();
  const bool ascii = static_cast<unsigned char>(letter) < 0x80;
  for (const auto& [sequence, folded] : {std::pair{"\u017F", 's'}, std::pair{"\u212A", 'k'}}) {
    if (!ascii && text.starts_with(sequence)) {
      text.remove_prefix(std::string_view(sequence).size());
      return folded;
    }
  }
  text.remove_prefix(1);
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::string position(std::string_view document, std::size_t offset) {
  const std::string_view before = document.substr(0, std::min(offset, document.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(std::max<std::size_t>(1, before.size() - start));
}

// The events of one document, in nlohmann's SAX interface. Throws where the document breaks a rule.
class Reader {
 public:
  Reader(std::string_view document, const Shape& root, Listener& listener)
      : document_(document), root_(root), listener_(listener) {}

  bool null() {
    const Shape* shape = next_shape();
    if (shape != nullptr && !shape->nullable) throw ambiguous(here() + " is null");
    return true;
  }
  bool boolean(bool /*value*/) { return unread("a boolean"); }
  bool number_integer(Json::number_integer_t /*value*/) { return unread("a negative number"); }
  bool number_float(Json::number_float_t /*value*/, std::string_view /*text*/) {
    return unread("a fraction or too large a number");
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (const Shape* shape = next_shape()) {
      expect(shape->kind == Shape::Kind::number, *shape, "a number");
      listener_.number(shape->tag, value);
    }
    return true;
  }
  bool string(std::string_view value) {
    check_text(value);
    if (!frames_.empty() && in_map()) {
      listener_.entry(frames_.back().shape->tag, text_of(keys_.back()), value);
    } else if (const Shape* shape = next_shape()) {
      expect(shape->kind == Shape::Kind::text, *shape, "text");
      listener_.text(shape->tag, value);
    }
    return true;
  }
  bool binary(const Json::binary_t& /*value*/) { return true; }  // not in text

  bool start_object(std::size_t /*size*/) {
    const Shape* shape = next_shape();
    if (shape != nullptr)
      expect(shape->kind == Shape::Kind::object || shape->kind == Shape::Kind::map, *shape, "an object");
    open(shape, true);
    return true;
  }
  bool start_array(std::size_t /*size*/) {
    const Shape* shape = next_shape();
    if (shape != nullptr) expect(shape->kind == Shape::Kind::array, *shape, "an array");
    open(shape, false);
    return true;
  }
  bool end_object() {
    check_keys_once();
    return close();
  }
  bool end_array() { return close(); }

  bool key(std::string_view key) {
    check_text(key);
    keys_.push_back({static_cast<std::uint32_t>(key_bytes_.size()), static_cast<std::uint32_t>(key.size())});
    key_bytes_ += key;
    Frame& frame = frames_.back();
    frame.member = nullptr;
    if (frame.shape != nullptr && frame.shape->kind == Shape::Kind::object) {
      for (const Shape::Member& member : frame.shape->members) {
        if (key == member.key)
          frame.member = &member;
        else if (folds_to(key, member.key))
          throw ambiguous("the key " + host::quoted(key) + " in " + where() + " can be taken for " +
                          host::quoted(member.key));
      }
    }
    return true;
  }

  bool parse_error(std::size_t offset, const std::string& /*token*/, const nlohmann::detail::exception& error) const {
    const std::string at = position(document_, offset);
    if (offset > 0 && offset <= document_.size()) {
      // The lexer stops at a comment's first or second character, depending on what it expected.
      const std::size_t from = offset < 2 ? 0 : offset - 2;
      const std::string_view around = document_.substr(from, 3);
      if (around.find("//") != std::string_view::npos || around.find("/*") != std::string_view::npos)
        throw ambiguous("there is a comment at " + at);
    }
    std::string_view what = error.what();
    const std::string_view why = what.substr(0, what.find("; last read: "));  // then comes the document's own text
    if (what.ends_with("; expected end of input"))
      throw ambiguous("there is more text after the document's end at " + at);
    if (why.find("invalid string: ill-formed UTF-8") != std::string_view::npos)
      throw ambiguous("there is text that is not UTF-8 at " + at);
    if (why.find("surrogate") != std::string_view::npos)
      throw ambiguous("there is half a UTF-16 surrogate pair at " + at);
    const std::size_t detail = what.find("syntax error");
    throw invalid("it is not JSON at " + at + ": " +
                  host::printable(what.substr(detail == std::string_view::npos ? 0 : detail), 200));
  }

 private:
  struct Key {
    std::uint32_t offset, size;
  };
  struct Frame {
    const Shape* shape;           // nullptr: nobody reads it
    const Shape::Member* member;  // the member whose value comes next, if it is read
    std::size_t first_key;        // in keys_
    std::size_t elements;         // so far, of an array
    bool object;
  };

  bool in_map() const { return frames_.back().shape != nullptr && frames_.back().shape->kind == Shape::Kind::map; }

  // The shape of the value that comes next; nullptr if nobody reads it.
  const Shape* next_shape() {
    if (frames_.empty()) return &root_;
    Frame& frame = frames_.back();
    ++frame.elements;
    if (frame.shape == nullptr) return nullptr;
    if (frame.shape->kind == Shape::Kind::array) return frame.shape->element;
    if (frame.shape->kind == Shape::Kind::map)
      throw ambiguous("the value of " + host::quoted(text_of(keys_.back())) + " in " + where() + " is not text");
    return frame.member == nullptr ? nullptr : &frame.member->shape;
  }

  bool unread(const char* found) {
    if (const Shape* shape = next_shape()) expect(false, *shape, found);
    return true;
  }

  void expect(bool right, const Shape& shape, const char* found) const {
    constexpr const char* wanted[] = {"an object", "an object", "an array", "text", "a whole number"};
    if (!right) throw ambiguous(here() + " is " + found + " and should be " + wanted[static_cast<int>(shape.kind)]);
  }

  void open(const Shape* shape, bool object) {
    if (frames_.size() >= max_depth)
      throw invalid("it is nested more than " + std::to_string(max_depth) + " levels deep");
    frames_.push_back({shape, nullptr, keys_.size(), 0, object});
    if (shape != nullptr) listener_.opened(shape->tag);
  }
  bool close() {
    frames_.pop_back();
    return true;
  }

  void check_text(std::string_view value) const {
    if (value.find('\0') != std::string_view::npos)
      throw ambiguous("there is a NUL (\\u0000) in a text or key in " + where());
  }

  std::string_view text_of(const Key& key) const { return std::string_view(key_bytes_).substr(key.offset, key.size); }

  void check_keys_once() {
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(frames_.back().first_key);
    if (first == keys_.end()) return;
    const std::uint32_t bytes_before = first->offset;
    const auto less = [&](const Key& a, const Key& b) { return text_of(a) < text_of(b); };
    const auto same = [&](const Key& a, const Key& b) { return text_of(a) == text_of(b); };
    std::sort(first, keys_.end(), less);
    if (const auto twice = std::adjacent_find(first, keys_.end(), same); twice != keys_.end())
      throw ambiguous("the key " + host::quoted(text_of(*twice), 100) + " is there more than once in " + where());
    keys_.erase(first, keys_.end());
    key_bytes_.resize(bytes_before);
  }

  // The innermost object or array that is read, as a path; what lies deeper has no name here.
  std::string where() const { return path(false); }
  // The value that is read now.
  std::string here() const { return path(true); }
  std::string path(bool to_value) const {
    std::string out;
    for (std::size_t at = 0; at < frames_.size(); ++at) {
      const Frame& frame = frames_[at];
      if (!to_value && at + 1 == frames_.size()) break;
      if (frame.member != nullptr)
        out += (out.empty() ? "" : ".") + std::string(frame.member->key);
      else if (!frame.object && frame.elements > 0)
        out += "[" + std::to_string(frame.elements - 1) + "]";
      else
        break;
    }
    return out.empty() ? "the document" : out;
  }

  std::string_view document_;
  const Shape& root_;
  Listener& listener_;
  std::vector<Frame> frames_;
  std::vector<Key> keys_;  // of the objects that are open, one after the other; the latest is the innermost one's
  std::string key_bytes_;
};

}  // namespace

bool folds_to(std::string_view key, std::string_view field) {
  while (!key.empty() && !field.empty())
    if (next_folded(key) != next_folded(field)) return false;
  return key.empty() && field.empty();
}

void read_strictly(std::string_view document, const Shape& shape, Listener& listener) {
  // nlohmann/json takes a NUL for the end, and skips a byte order mark.
  if (const std::size_t nul = document.find('\0'); nul != std::string_view::npos)
    throw ambiguous("there is a NUL byte at " + position(document, nul + 1));
  if (document.starts_with("\xEF\xBB\xBF")) throw ambiguous("it begins with a byte order mark");
  Reader reader(document, shape, listener);
  const auto bytes = [&] { return nlohmann::detail::input_adapter(document.begin(), document.end()); };
  nlohmann::detail::parser<Json, decltype(bytes())> parser(bytes(), nullptr, true, /*ignore_comments=*/false);
  parser.sax_parse(&reader, /*strict=*/true);
}

}  // namespace oci
