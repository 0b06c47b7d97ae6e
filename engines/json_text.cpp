#include "engines/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr std::string_view blanks = " \t\r\n";

// What follows is for text that is known to be JSON.

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(blanks, at), text.size());
}

std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

std::size_t end_of_value(std::string_view text, std::size_t at) {
  int depth = 0;
  do {
    at = skip_blanks(text, at);
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth, ++at;
    } else if (c == '}' || c == ']') {
      --depth, ++at;
    } else if (c == ',' || c == ':') {
      ++at;
    } else {
      at = std::min(text.find_first_of(" \t\r\n,]}", at), text.size());
    }
  } while (depth > 0);
  return at;
}

host::Error fault(const std::string& place, const std::string& why) {
  return {host::ErrorKind::invalid_config, place + ": " + why};
}

}  // namespace

JsonText::JsonText(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  if (text_.find('\0') != std::string::npos) throw fault(line_and_column(text_.find('\0')), "there is a NUL byte");
  root_ = text_.compare(0, byte_order_mark.size(), byte_order_mark) == 0 ? byte_order_mark.size() : 0;
  root_ = skip_blanks(text_, root_);
  if (root_ == text_.size()) {
    text_ = "{}\n";
    root_ = 0;
  }
  try {
    if (!Json::parse(text_.begin() + static_cast<std::ptrdiff_t>(root_), text_.end()).is_object())
      throw fault(line_and_column(root_), "it holds something else than an object");
  } catch (const Json::parse_error& error) {
    const std::string_view what = error.what();
    throw fault(line_and_column(root_ + (error.byte > 0 ? error.byte - 1 : 0)),
                "it is not JSON, which has no comments either: " +
                    host::printable(what.substr(std::min(what.find("syntax error"), what.size())), 200));
  } catch (const Json::out_of_range&) {
    throw fault(name_, "a number in it is too large");
  }
}

std::string JsonText::line_and_column(std::size_t offset) const {
  const auto before = std::string_view(text_).substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return name_ + ":" + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ":" +
         std::to_string(offset - line_start + 1);
}

JsonText::Object JsonText::object_at(std::size_t offset) const {
  Object object{offset, 0, {}};
  std::size_t at = skip_blanks(text_, offset + 1);
  while (text_[at] != '}') {
    Member member;
    member.begin = at;
    at = end_of_string(text_, at);
    member.key = Json::parse(text_.substr(member.begin, at - member.begin)).get<std::string>();
    member.value = skip_blanks(text_, skip_blanks(text_, at) + 1);
    at = member.end = end_of_value(text_, member.value);
    object.members.push_back(std::move(member));
    at = skip_blanks(text_, at);
    if (text_[at] == ',') at = skip_blanks(text_, at + 1);
  }
  object.end = at + 1;
  return object;
}

const JsonText::Member* JsonText::find(const Object& object, const std::string& key) const {
  const Member* found = nullptr;
  for (const Member& member : object.members) {
    if (member.key != key) continue;
    if (found != nullptr)
      throw fault(line_and_column(member.begin), "the key " + host::quoted(key) + " is there twice");
    found = &member;
  }
  return found;
}

Json JsonText::at(const Keys& keys) const {
  std::size_t offset = root_;
  for (const std::string& key : keys) {
    if (text_[offset] != '{') return Json::value_t::discarded;
    const Object object = object_at(offset);
    const Member* member = find(object, key);
    if (member == nullptr) return Json::value_t::discarded;
    offset = member->value;
  }
  return Json::parse(text_.substr(offset, end_of_value(text_, offset) - offset));
}

std::string JsonText::place(const Keys& keys) const {
  std::size_t offset = root_;
  for (const std::string& key : keys) {
    if (text_[offset] != '{') break;
    const Object object = object_at(offset);
    const Member* member = find(object, key);
    if (member == nullptr) break;
    offset = member->value;
  }
  return line_and_column(offset);
}

void JsonText::set(const Keys& keys, const Json& value) {
  std::size_t offset = root_;
  for (std::size_t depth = 0; depth < keys.size(); ++depth) {
    if (text_[offset] != '{') throw fault(line_and_column(offset), host::quoted(keys[depth - 1]) + " is not an object");
    const Object object = object_at(offset);
    const Member* member = find(object, keys[depth]);
    Json put = value;
    for (std::size_t inner = keys.size() - 1; inner > depth; --inner) put = Json{{keys[inner], put}};
    if (member == nullptr) return insert(object, keys[depth], put);
    // dockerd takes null for nothing.
    if (depth + 1 == keys.size() || text_.compare(member->value, member->end - member->value, "null") == 0) {
      text_.replace(member->value, member->end - member->value, put.dump());
      return;
    }
    offset = member->value;
  }
}

// How far in the file's own members stand: by two blanks if they do not show it.
std::string JsonText::indentation() const {
  const Object object = object_at(root_);
  if (object.members.empty()) return "  ";
  const std::size_t begin = object.members.front().begin;
  const std::size_t line = text_.rfind('\n', begin) + 1;  // npos + 1 is 0
  const std::string indent = text_.substr(line, begin - line);
  return !indent.empty() && indent.find_first_not_of(indent.front() == '\t' ? '\t' : ' ') == std::string::npos ? indent
                                                                                                               : "  ";
}

// Laid out as its neighbours are: as far in, on a line of its own or not, with the same line ends.
void JsonText::insert(const Object& object, const std::string& key, const Json& value) {
  const std::string line_end = text_.find("\r\n") != std::string::npos ? "\r\n" : "\n", unit = indentation();
  const auto on_lines = [&](const std::string& indent) {
    std::string text = Json(key).dump() + ": " + value.dump(static_cast<int>(unit.size()), unit.front());
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += line_end.size() + indent.size())
      text.replace(at, 1, line_end + indent);
    return text;
  };
  const std::string on_one_line = Json(key).dump() + ": " + value.dump();
  if (object.members.empty()) {
    const std::size_t line = text_.rfind('\n', object.begin) + 1;
    const std::string indent = text_.substr(line, text_.find_first_not_of(" \t", line) - line);
    const bool lines = object.begin == root_ || line > root_;
    text_.replace(object.begin + 1, object.end - object.begin - 2,
                  lines ? line_end + indent + unit + on_lines(indent + unit) + line_end + indent : on_one_line);
    return;
  }
  const Member& last = object.members.back();
  const std::size_t lead = text_.find_last_not_of(blanks, last.begin - 1) + 1;  // the blanks before its key
  const std::string blank = text_.substr(lead, last.begin - lead);
  const std::size_t line = blank.rfind('\n');
  if (line == std::string::npos) {
    text_.insert(last.end, "," + (blank.empty() ? " " : blank) + on_one_line);
  } else {
    const std::string indent = blank.substr(line + 1);
    text_.insert(last.end, "," + line_end + indent + on_lines(indent));
  }
}

void JsonText::remove(const Keys& keys) {
  std::size_t offset = root_;
  for (std::size_t depth = 0; depth < keys.size(); ++depth) {
    if (text_[offset] != '{') return;
    const Object object = object_at(offset);
    const Member* member = find(object, keys[depth]);
    if (member == nullptr) return;
    offset = member->value;
    if (depth + 1 < keys.size()) continue;
    const auto index = static_cast<std::size_t>(member - object.members.data());
    std::size_t begin = member->begin, end = member->end;
    if (object.members.size() == 1) {
      begin = object.begin + 1;
      end = object.end - 1;
    } else if (index > 0) {
      begin = object.members[index - 1].end;
    } else {
      end = object.members[1].begin;
    }
    text_.erase(begin, end - begin);
  }
}

}  // namespace engines
