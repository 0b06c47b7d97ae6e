#include "config/image.h"

namespace config {

namespace {

constexpr std::string_view default_domain = "docker.io", default_folder = "library/";

bool only_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// A reference taken apart: "DOMAIN/PATH:TAG@DIGEST".
struct Reference {
  std::string domain, path;
  std::string_view tag, digest;
};

bool is_well_formed(const Reference& reference) {
  constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
  constexpr std::string_view word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  constexpr std::string_view sha256 = "sha256:";
  const std::string_view digest = reference.digest;
  return only_of(reference.path, lower) && reference.path.front() != '/' && reference.path.back() != '/' &&
         (reference.tag.empty() || only_of(reference.tag, word)) &&
         (digest.empty() || (digest.starts_with(sha256) && digest.size() == sha256.size() + 64 &&
                             only_of(digest.substr(sha256.size()), "0123456789abcdef")));
}

Reference parse(std::string_view image) {
  Reference reference;
  const std::size_t at = image.find('@');
  if (at != std::string_view::npos) reference.digest = image.substr(at + 1);
  image = image.substr(0, at);
  const std::size_t slash = image.rfind('/'), colon = image.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    reference.tag = image.substr(colon + 1);
    image = image.substr(0, colon);
  }
  const std::size_t first_end = image.find('/');
  const std::string_view first = image.substr(0, first_end);
  reference.domain = default_domain;
  reference.path = image;
  if (first_end != std::string_view::npos && (is_domain(first) || first == default_domain)) {
    if (first != "index.docker.io") reference.domain = first;
    reference.path = image.substr(first_end + 1);
  }
  if (reference.domain == default_domain && reference.path.find('/') == std::string::npos)
    reference.path.insert(0, default_folder);
  return reference;
}

}  // namespace

bool is_domain(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos;
}

std::vector<std::string> image_names(std::string_view image, std::string_view image_id) {
  constexpr std::string_view sha256 = "sha256:", hexadecimal = "0123456789abcdef";
  const std::string_view digits = image_id.starts_with(sha256) ? image_id.substr(sha256.size()) : image_id;
  if (image.empty() || (image.size() < 64 && digits.starts_with(image))) return {};
  std::vector<std::string> names;
  const Reference reference = parse(image);
  if (reference.tag.empty() || reference.digest.empty()) names.emplace_back(image);
  if (image.starts_with(sha256) || (image.size() == 64 && only_of(image, hexadecimal)) || image.ends_with(':') ||
      image.ends_with('@') || !is_well_formed(reference))
    return names;
  std::string suffix = ":" + std::string(reference.tag.empty() ? "latest" : reference.tag);
  if (!reference.digest.empty()) suffix = "@" + std::string(reference.digest);
  std::string_view familiar = reference.path;
  if (familiar.starts_with(default_folder) && familiar.find('/', default_folder.size()) == std::string_view::npos)
    familiar.remove_prefix(default_folder.size());
  names.push_back(reference.domain + "/" + reference.path + suffix);
  if (reference.domain == default_domain) names.push_back(std::string(familiar) + suffix);
  return names;
}

}  // namespace config
