// The names of an image.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace config {

// What an `image` condition is compared with, for an image that was asked for as `image` and whose id is `image_id`
// (empty if not known): the reference as the engine knows it ("postgres:15"), fully qualified
// ("docker.io/library/postgres:15") and as Docker shows that ("postgres:15"), by the rules of distribution/reference
// (normalize.go: ParseNormalizedNamed, TagNameOnly, FamiliarString). Engines go by the digest alone where there is a
// tag as well, so the tag is left out then. None for the beginning of an id, which Docker takes in a name's place.
std::vector<std::string> image_names(std::string_view image, std::string_view image_id);

// Whether the first part of a reference, before its first "/", names a registry and no folder of Docker Hub's.
bool is_domain(std::string_view first);

}  // namespace config
