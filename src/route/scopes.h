// Scopes: which route table a request belongs to, by a key that is made of its headers (scoped routes).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/header_map.h"
#include "http/header_name.h"
#include "route/source.h"

namespace weir::route {

/// Where one part of a key comes from: a header, or a piece of it.
struct ScopeKeyPart {
  http::HeaderName header;
  std::string element_separator;  // of the elements of the header; "": it is one element
  uint32_t index = 0;             // which element; or, if `separator` is given:
  std::string separator;          // of name and value in an element
  std::string element;            // the name of the element whose value it is
};

class ScopeKeyBuilder {
 public:
  explicit ScopeKeyBuilder(std::vector<ScopeKeyPart> parts) : parts_(std::move(parts)) {}

  /// The request's key; its data() is null if a part is missing. In the arena of the headers.
  std::string_view key(const http::HeaderMap& request) const;
  /// The same for the parts that a scope is configured with.
  static std::string key(const std::vector<std::string>& parts);

  const std::vector<ScopeKeyPart>& parts() const { return parts_; }

 private:
  std::vector<ScopeKeyPart> parts_;
};

/// Immutable; safe for all threads.
class Scopes {
 public:
  struct Scope {
    std::string name;
    std::string key;  // as ScopeKeyBuilder makes it
    std::shared_ptr<TableSource> routes;
  };

  /// Of several scopes with the same key the last one counts.
  explicit Scopes(std::vector<Scope> scopes);
  /// Null if there is none with that key.
  const Scope* find(std::string_view key) const;
  const std::vector<Scope>& list() const { return scopes_; }

 private:
  std::vector<Scope> scopes_;
  std::unordered_map<std::string_view, size_t> by_key_;
};

/// Where a connection manager finds its current scopes. Written by main, read by workers.
class ScopeSource {
 public:
  ScopeSource(std::string name, ScopeKeyBuilder builder, std::shared_ptr<const Scopes> scopes)
      : name_(std::move(name)), builder_(std::move(builder)), scopes_(std::move(scopes)) {}

  const std::string& name() const { return name_; }
  const ScopeKeyBuilder& builder() const { return builder_; }
  /// Null while none have arrived.
  std::shared_ptr<const Scopes> scopes() const { return scopes_.load(); }
  void replace(std::shared_ptr<const Scopes> scopes) { scopes_.store(std::move(scopes)); }

  /// The request's table; null if it has no key, or a key that no scope has.
  RouteTablePtr table(const http::HeaderMap& request) const;

 private:
  const std::string name_;
  const ScopeKeyBuilder builder_;
  std::atomic<std::shared_ptr<const Scopes>> scopes_;
};

}  // namespace weir::route
