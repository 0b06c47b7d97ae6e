#include "config/allowlist.h"

#include <algorithm>
#include <iterator>

#include "config/date.h"
#include "config/image.h"
#include "config/words.h"
#include "host/text.h"

namespace config {

namespace {

void read_labels(Document& document, const Node& node, Exception& exception) {
  if (node.kind != Node::Kind::object) return document.read_object(node, "labels", {});
  if (node.members.empty()) document.problem(node.offset, "labels is empty; leave it out or name at least one");
  for (const Member& label : node.members)
    exception.labels[label.key] = document.read_texts(label.value, "the label " + host::quoted(label.key));
}

void read_match(Document& document, const Node& node, Exception& exception) {
  std::vector<Document::Field> fields;
  fields.push_back({"engine",
                    [&](const Node& value) {
                      exception.engines = read_names<host::Engine>(document, value, "engine", host::engine_names);
                    },
                    true});
  for (const std::string_view name : attribute_names)
    fields.push_back({name, [&, name](const Node& value) {
                        exception.conditions[std::string(name)] = document.read_texts(value, name);
                      }});
  fields.push_back({"labels", [&](const Node& value) { read_labels(document, value, exception); }});
  document.read_object(node, "match", fields);
  if (node.kind == Node::Kind::object && exception.conditions.empty() && exception.labels.empty())
    document.problem(node.offset, "match names no container; beside engine it needs at least one condition");
}

Exception read_exception(Document& document, const Node& node) {
  Exception exception;
  const auto text = [&](std::string_view key, std::string& into, bool required) {
    return Document::Field{key, [&, key](const Node& value) { into = document.read_text(value, key).value_or(""); },
                           required};
  };
  const auto expires = [&](const Node& value) {
    exception.expires = document.read_text(value, "expires").value_or("");
    if (!exception.expires.empty() && !day_of(exception.expires))
      document.problem(value.offset,
                       "expires is " + host::quoted(exception.expires) + " and should be a day like '2027-03-31'");
  };
  document.read_object(node, "the exception",
                       {
                           text("name", exception.name, true),
                           text("reason", exception.reason, true),
                           text("owner", exception.owner, false),
                           {"expires", expires},
                           {"match", [&](const Node& value) { read_match(document, value, exception); }, true},
                           {"allow",
                            [&](const Node& value) {
                              exception.allow = read_names<ExposureKind>(document, value, "allow", exposure_names);
                            },
                            true},
                       });
  return exception;
}

}  // namespace

bool any_matches(const Globs& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return glob_matches(glob, text); });
}

std::vector<std::string> texts_of(const Container& container, std::string_view name) {
  const auto value = container.attribute(name);
  if (!value) return {};
  return name == "image" ? image_names(*value, container.attribute("image_id").value_or("")) : std::vector{*value};
}

bool Exception::matches(const Container& container) const {
  return std::find(engines.begin(), engines.end(), container.engine) != engines.end() &&
         std::all_of(conditions.begin(), conditions.end(),
                     [&](const auto& condition) {
                       const auto texts = texts_of(container, condition.first);
                       return std::any_of(texts.begin(), texts.end(),
                                          [&](const std::string& text) { return any_matches(condition.second, text); });
                     }) &&
         std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
           const auto value = container.labels.find(label.first);
           return value != container.labels.end() && any_matches(label.second, value->second);
         });
}

bool Exception::grants(ExposureKind kind) const {
  const auto lists = [&](ExposureKind one) { return std::find(allow.begin(), allow.end(), one) != allow.end(); };
  return lists(kind) ||
         ((kind == ExposureKind::host_shm || kind == ExposureKind::host_mqueue) && lists(ExposureKind::host_ipc));
}

void parse_allowlist(const std::string& file, std::string_view text, Allowlist& into) {
  Document document(file, text);
  std::vector<Exception> exceptions;
  const auto read_list = [&](const Node& node) {
    if (node.kind != Node::Kind::array) return document.problem(node.offset, "exceptions should be a list");
    for (const Node& item : node.items) {
      exceptions.push_back(read_exception(document, item));
      exceptions.back().file = file;
    }
  };
  // A text that is no JSON has one problem; what its half-read tree lacks is not worth a word.
  if (document.problems().empty()) document.read_object(document.root(), "the file", {{"exceptions", read_list, true}});
  if (document.problems().empty()) std::move(exceptions.begin(), exceptions.end(), std::back_inserter(into.exceptions));
  into.problems.insert(into.problems.end(), document.problems().begin(), document.problems().end());
}

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0;
  std::size_t star = std::string_view::npos, star_text = 0;  // the latest "*", and the text it has not eaten yet
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_text = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

}  // namespace config
