// HeaderName: a header's name as configuration gives it, resolved once so that a request pays for a comparison of numbers.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"
#include "http/header_map.h"

namespace weir::http {

/// In lower case, with its id. "host" means :authority, as everywhere in Envoy's configuration.
struct HeaderName {
  HeaderName() = default;
  explicit HeaderName(std::string_view name) : text(lower(name)), id(header_id(text)) {
    if (id == HeaderId::kHost) {
      text = header_name(HeaderId::kAuthority);
      id = HeaderId::kAuthority;
    }
  }

  bool empty() const { return text.empty(); }
  friend bool operator==(const HeaderName& a, const HeaderName& b) { return a.text == b.text; }

  std::string text;
  HeaderId id = HeaderId::kOther;
};

/// The value of the first line with that name; its data() is null if there is none.
inline std::string_view first_value(const HeaderMap& headers, const HeaderName& name) {
  if (is_pseudo(name.id)) return headers.pseudo(name.id);
  const Header* line = nullptr;
  if (name.id != HeaderId::kOther) {
    line = headers.find(name.id);
  } else {
    for (const Header& candidate : headers) {
      if (candidate.id == HeaderId::kOther && candidate.name == name.text) {
        line = &candidate;
        break;
      }
    }
  }
  if (line == nullptr) return {};
  return line->value.data() == nullptr ? std::string_view("") : line->value;
}

/// All values of that name, joined with "," if there are several; data() is null if there is none.
inline std::string_view joined_value(const HeaderMap& headers, const HeaderName& name) {
  std::string_view joined;
  if (is_pseudo(name.id)) return headers.pseudo(name.id);
  if (name.id != HeaderId::kOther && !headers.has(name.id)) return {};
  for (const Header& line : headers) {
    if (line.id != name.id || (name.id == HeaderId::kOther && line.name != name.text)) continue;
    if (joined.data() != nullptr) {
      joined = headers.arena().join(joined, ",", line.value);
    } else {
      joined = line.value.data() == nullptr ? std::string_view("") : line.value;
    }
  }
  return joined;
}

/// All of that name, a pseudo-header too.
inline void remove_all(HeaderMap& headers, const HeaderName& name) {
  if (is_pseudo(name.id)) return headers.remove_pseudo(name.id);
  headers.remove(name.text);
}

}  // namespace weir::http
