#include "config/document.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "host/text.h"

namespace config {

namespace {

using Json = nlohmann::json;

constexpr std::size_t max_depth = 100;
constexpr std::size_t max_problems = 100;  // that are listed; to place each takes a look at the whole text

// Walks the text for nlohmann/json and lets us see how far it has read: its callbacks do not say where they are.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

const char* kind_name(Node::Kind kind) {
  constexpr const char* names[] = {"null", "true or false", "a number", "text", "a list", "an object"};
  return names[static_cast<int>(kind)];
}

}  // namespace

// Makes the tree from nlohmann's SAX events.
class Builder {
 public:
  Builder(Document& document, const Document::List& list)
      : document_(document), list_(list), reached_(document.text_.data()) {}

  bool build() {
    const char* const begin = document_.text_.data();
    const char* const end = begin + document_.text_.size();
    return Json::sax_parse(TrackedIterator(begin, &reached_), TrackedIterator(end, &reached_), this,
                           nlohmann::detail::input_format_t::json, /*strict=*/true, /*ignore_comments=*/true);
  }

  bool null() {
    add(Node::Kind::null, offset() - 4);
    return finish();
  }
  bool boolean(bool value) {
    add(Node::Kind::boolean, offset() - (value ? 4 : 5))->boolean = value;
    return finish();
  }
  bool number_integer(Json::number_integer_t /*value*/) { return number(); }
  bool number_unsigned(Json::number_unsigned_t /*value*/) { return number(); }
  bool number_float(Json::number_float_t /*value*/, const std::string& /*text*/) { return number(); }
  bool string(std::string& value) {
    add(Node::Kind::text, text_start())->text = std::move(value);
    return finish();
  }
  bool binary(Json::binary_t& /*value*/) { return true; }  // not in text
  bool start_object(std::size_t /*size*/) { return open(Node::Kind::object); }
  bool start_array(std::size_t /*size*/) { return open(Node::Kind::array); }
  bool end_object() {
    std::set<std::string_view> seen;
    for (const Member& member : open_.back()->members)
      if (!seen.insert(member.key).second)
        document_.problem(member.offset, "the key " + host::quoted(member.key) + " is there twice");
    return close();
  }
  bool end_array() { return close(); }
  bool key(std::string& key) {
    open_.back()->members.push_back({std::move(key), text_start(), {}});
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) {
    const std::string_view what = error.what();
    const std::size_t detail = std::min(what.find("syntax error"), what.size());
    document_.problem(position > 0 ? position - 1 : 0, "it is not JSON: " + host::printable(what.substr(detail), 200));
    return false;
  }

 private:
  std::size_t offset() const { return static_cast<std::size_t>(reached_ - document_.text_.data()); }

  // Where the text that was just read began: at the nearest quote before its last one that is not escaped.
  std::size_t text_start() const {
    const std::string_view text = document_.text_;
    std::size_t at = offset() - 1;
    while (at > 0) {
      at = text.rfind('"', at - 1);
      std::size_t slashes = 0;
      while (slashes < at && text[at - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
    }
    return at;
  }

  bool number() {
    // The lexer may have read one character beyond the number.
    const std::size_t last = document_.text_.find_last_of("0123456789", offset() - 1);
    const std::size_t before = document_.text_.find_last_not_of("0123456789+-.eE", last);
    add(Node::Kind::number, before + 1);  // npos + 1 is 0
    return finish();
  }

  Node* add(Node::Kind kind, std::size_t offset) {
    Node* node = &document_.root_;
    if (!open_.empty()) {
      Node& parent = *open_.back();
      node = parent.kind == Node::Kind::array ? &parent.items.emplace_back() : &parent.members.back().value;
    }
    node->kind = kind;
    node->offset = offset;
    return node;
  }

  bool open(Node::Kind kind) {
    Node* node = add(kind, offset() - 1);
    open_.push_back(node);
    if (open_.size() <= max_depth) return true;
    document_.problem(node->offset, "it is nested more than " + std::to_string(max_depth) + " levels deep");
    return false;
  }
  bool close() {
    open_.pop_back();
    return finish();
  }

  // A value is whole: if it is an item of the list, it is handed over.
  bool finish() {
    if (!list_.read || open_.size() != 2) return true;
    Node& list = *open_.back();
    const Node& root = *open_.front();
    if (list.kind != Node::Kind::array || root.kind != Node::Kind::object || root.members.back().key != list_.key)
      return true;
    list_.read(document_, list.items.back());
    list.items.pop_back();
    return true;
  }

  Document& document_;
  const Document::List& list_;
  const char* reached_;
  std::vector<Node*> open_;  // a parent's lists do not grow while a child of it is open
};

std::string Problem::text() const {
  if (line == 0) return file + ": " + message;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

Document::Document(std::string file, std::string_view text, const List& list) : file_(std::move(file)), text_(text) {
  // nlohmann/json takes a NUL for the end of the text.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    problem(nul, "there is a NUL byte");
    return;
  }
  well_formed_ = Builder(*this, list).build();
}

Document::Place Document::place(std::size_t offset) {
  offset = std::min(offset, text_.size());
  if (offset < placed_) {
    placed_ = line_start_ = 0;
    line_ = 1;
  }
  const std::string_view before = text_.substr(0, offset);  // the file may be one line, as long as it likes
  for (std::size_t end = before.find('\n', placed_); end != before.npos; end = before.find('\n', line_start_)) {
    line_start_ = end + 1;
    ++line_;
  }
  placed_ = offset;
  return {line_, offset - line_start_ + 1};
}

void Document::problem(std::size_t offset, const std::string& message) {
  if (problems_.size() > max_problems) return;
  if (problems_.size() == max_problems) {
    problems_.push_back({file_, 0, 0, "there is more that is wrong"});
    return;
  }
  const Place at = place(offset);
  problems_.push_back({file_, at.line, at.column, message});
}

void Document::read_object(const Node& node, std::string_view what, const std::vector<Field>& fields) {
  if (node.kind != Node::Kind::object) {
    problem(node.offset, std::string(what) + " is " + kind_name(node.kind) + " and should be an object");
    return;
  }
  const auto field_of = [&](const std::string& key) {
    return std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.key == key; });
  };
  for (const Member& member : node.members) {
    if (const auto field = field_of(member.key); field != fields.end()) {
      field->read(member.value);
      continue;
    }
    std::string known;
    for (const Field& field : fields) known += (known.empty() ? "" : ", ") + std::string(field.key);
    problem(member.offset,
            "unknown key " + host::quoted(member.key) + " in " + std::string(what) + "; known are: " + known);
  }
  for (const Field& field : fields) {
    const auto has = [&](const Member& member) { return member.key == field.key; };
    if (field.required && std::none_of(node.members.begin(), node.members.end(), has))
      problem(node.offset, std::string(what) + " has no " + host::quoted(field.key));
  }
}

std::optional<std::string> Document::read_text(const Node& node, std::string_view what) {
  if (node.kind == Node::Kind::text && !node.text.empty() && node.text.find('\0') == std::string::npos)
    return node.text;
  problem(node.offset, std::string(what) + " is " +
                           (node.kind == Node::Kind::text ? "empty or has a NUL in it" : kind_name(node.kind)) +
                           " and should be text");
  return std::nullopt;
}

std::optional<bool> Document::read_boolean(const Node& node, std::string_view what) {
  if (node.kind == Node::Kind::boolean) return node.boolean;
  problem(node.offset, std::string(what) + " is " + kind_name(node.kind) + " and should be true or false");
  return std::nullopt;
}

std::vector<std::string> Document::read_texts(const Node& node, std::string_view what) {
  std::vector<std::string> texts;
  const auto take = [&](const Node& one) {
    if (auto text = read_text(one, what)) texts.push_back(std::move(*text));
  };
  if (node.kind != Node::Kind::array) {
    take(node);
  } else if (node.items.empty()) {
    problem(node.offset, std::string(what) + " is an empty list; leave it out or name at least one");
  } else {
    std::for_each(node.items.begin(), node.items.end(), take);
  }
  return texts;
}

std::optional<std::string> Document::read_absolute_path(const Node& node, std::string_view what) {
  auto path = read_text(node, what);
  if (path && path->front() == '/') return path;
  if (path) problem(node.offset, std::string(what) + " is " + host::quoted(*path) + " and should be an absolute path");
  return std::nullopt;
}

}  // namespace config
