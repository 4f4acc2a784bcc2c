#include "route/scopes.h"

#include "base/text.h"

namespace weir::route {

namespace {

/// The part of `value` that a key part asks for; its data() is null if there is none.
std::string_view piece(const ScopeKeyPart& part, std::string_view value) {
  uint32_t index = 0;
  for (std::string_view rest = value;; ++index) {
    const size_t end = part.element_separator.empty() ? std::string_view::npos : rest.find(part.element_separator);
    const std::string_view element = rest.substr(0, end);
    if (part.separator.empty()) {
      if (index == part.index) return element.data() == nullptr ? std::string_view("") : element;
    } else {
      const size_t at = element.find(part.separator);
      if (element.substr(0, at) == part.element)
        return at == std::string_view::npos ? std::string_view("") : element.substr(at + part.separator.size());
    }
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + part.element_separator.size());
  }
}

}  // namespace

std::string_view ScopeKeyBuilder::key(const http::HeaderMap& request) const {
  size_t size = 0;
  const auto for_each_piece = [&](auto&& take) {
    for (const ScopeKeyPart& part : parts_) {
      const std::string_view value = http::first_value(request, part.header);
      const std::string_view text = value.data() == nullptr ? value : piece(part, value);
      if (text.data() == nullptr) return false;
      take(text);
    }
    return true;
  };
  if (!for_each_piece([&](std::string_view text) { size += text.size() + 1; })) return {};
  char* const key = request.arena().allocate_chars(size);
  char* to = key;
  for_each_piece([&](std::string_view text) {
    to = put(to, text);
    *to++ = '\0';  // which no header holds
  });
  return {key, size};
}

std::string ScopeKeyBuilder::key(const std::vector<std::string>& parts) {
  std::string key;
  for (const std::string& part : parts) key.append(part).push_back('\0');
  return key;
}

Scopes::Scopes(std::vector<Scope> scopes) : scopes_(std::move(scopes)) {
  for (size_t i = 0; i < scopes_.size(); ++i) by_key_.insert_or_assign(scopes_[i].key, i);
}

const Scopes::Scope* Scopes::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &scopes_[found->second];
}

RouteTablePtr ScopeSource::table(const http::HeaderMap& request) const {
  const std::string_view key = builder_.key(request);
  const std::shared_ptr<const Scopes> scopes = scopes_.load();
  const Scopes::Scope* scope = key.data() == nullptr || scopes == nullptr ? nullptr : scopes->find(key);
  return scope == nullptr ? nullptr : scope->routes->table();
}

}  // namespace weir::route
