#include "config/allowlist.h"

#include <algorithm>
#include <cstddef>

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

// Reads the exceptions of one file. What reads each field is set up once, since there may be many thousands of them.
class ExceptionReader {
 public:
  ExceptionReader(const std::string& file, std::vector<Exception>& into) : file_(file), into_(into) {
    match_.push_back({"engine",
                      [this](const Node& value) {
                        into_.back().engines =
                            read_names<host::Engine>(*document_, value, "engine", host::engine_names);
                      },
                      true});
    for (const std::string_view name : attribute_names)
      match_.push_back({name, [this, name](const Node& value) {
                          into_.back().conditions[std::string(name)] = document_->read_texts(value, name);
                        }});
    match_.push_back({"labels", [this](const Node& value) { read_labels(*document_, value, into_.back()); }});
  }
  ExceptionReader(const ExceptionReader&) = delete;
  ExceptionReader& operator=(const ExceptionReader&) = delete;

  void read(Document& document, const Node& node) {
    document_ = &document;
    const Document::Place place = document.place(node.offset);
    Exception& exception = into_.emplace_back();
    exception.file = file_;
    exception.line = place.line;
    exception.column = place.column;
    document.read_object(node, "the exception", fields_);
  }

 private:
  Document::Field text(std::string_view key, std::string Exception::*into, bool required) {
    return {
        key,
        [this, key, into](const Node& value) { into_.back().*into = document_->read_text(value, key).value_or(""); },
        required};
  }

  void read_expires(const Node& node) {
    std::string& expires = into_.back().expires;
    expires = document_->read_text(node, "expires").value_or("");
    if (!expires.empty() && !day_of(expires))
      document_->problem(node.offset, "expires is " + host::quoted(expires) + " and should be a day like '2027-03-31'");
  }

  void read_match(const Node& node) {
    document_->read_object(node, "match", match_);
    if (node.kind == Node::Kind::object && into_.back().conditions.empty() && into_.back().labels.empty())
      document_->problem(node.offset, "match names no container; beside engine it needs at least one condition");
  }

  void read_allow(const Node& node) {
    into_.back().allow = read_names<ExposureKind>(*document_, node, "allow", exposure_names);
  }

  const std::string& file_;
  std::vector<Exception>& into_;  // the last is the one that is read
  Document* document_ = nullptr;
  std::vector<Document::Field> match_;
  const std::vector<Document::Field> fields_ = {
      text("name", &Exception::name, true),
      text("reason", &Exception::reason, true),
      text("owner", &Exception::owner, false),
      {"expires", [this](const Node& value) { read_expires(value); }},
      {"match", [this](const Node& value) { read_match(value); }, true},
      {"allow", [this](const Node& value) { read_allow(value); }, true},
  };
};

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
  const auto before = static_cast<std::ptrdiff_t>(into.exceptions.size());
  ExceptionReader reader(file, into.exceptions);
  const auto read_item = [&](Document& document, const Node& node) { reader.read(document, node); };
  Document document(file, text, {"exceptions", read_item});
  const auto read_list = [&](const Node& node) {  // whose items are read by now
    if (node.kind != Node::Kind::array) document.problem(node.offset, "exceptions should be a list");
  };
  // What the half-read tree of a text that is no JSON lacks is not worth a word.
  if (document.well_formed()) document.read_object(document.root(), "the file", {{"exceptions", read_list, true}});
  if (!document.problems().empty()) into.exceptions.erase(into.exceptions.begin() + before, into.exceptions.end());
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
