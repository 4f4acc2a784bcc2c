// DownstreamTlsContext, UpstreamTlsContext and what stands in them become TLS contexts, shared by all whose content is the same.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "net/tls/context.h"

namespace envoy::extensions::transport_sockets::tls::v3 {
class CertificateValidationContext;
class DownstreamTlsContext;
class SdsSecretConfig;
class Secret;
class TlsCertificate;
class UpstreamTlsContext;
}  // namespace envoy::extensions::transport_sockets::tls::v3
namespace envoy::type::matcher::v3 {
class StringMatcher;
}

namespace weir::net {

class KeyReader;

/// Objects by content, for as long as somebody uses them. Main thread.
template <class T>
class ContentCache {
 public:
  using Ptr = std::shared_ptr<const T>;
  Ptr find(const std::string& content) const {
    const auto found = objects_.find(content);
    return found == objects_.end() ? nullptr : found->second.lock();
  }
  void add(std::string content, const Ptr& object) {
    if (objects_.size() >= sweep_at_) {
      std::erase_if(objects_, [](const auto& each) { return each.second.expired(); });
      sweep_at_ = std::max<size_t>(64, objects_.size() * 2);
    }
    objects_[std::move(content)] = object;
  }
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [content, weak] : objects_) {
      if (Ptr object = weak.lock()) f(*object);
    }
  }

 private:
  std::unordered_map<std::string, std::weak_ptr<const T>> objects_;
  size_t sweep_at_ = 64;
};

/// What reading TLS configuration needs from the rest of the house. Main thread only.
struct TlsConfigContext {
  /// A compiled StringMatcher; reports errors at the given path.
  std::function<std::function<bool(std::string_view)>(const envoy::type::matcher::v3::StringMatcher&, const config::FieldPath&,
                                                      config::Diagnostics&)>
      read_matcher;
  /// The newest secret of that name and source; null while there is none.
  std::function<const envoy::extensions::transport_sockets::tls::v3::Secret*(
      const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig&)>
      find_secret;

  std::shared_ptr<KeyReader> keys;  // made when first needed
  ContentCache<TlsIdentity> identities;
  ContentCache<TlsTrust> trusts;
  ContentCache<TlsContext> contexts;
};

/// Null after reporting an error, or without one while a secret is missing. `server_names` are those of the filter chain.
TlsContextPtr read_server_tls(const envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext& message,
                              const std::vector<std::string>& server_names, const config::FieldPath& at,
                              TlsConfigContext& context, config::Diagnostics& diagnostics);
TlsContextPtr read_client_tls(const envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext& message,
                              const config::FieldPath& at, TlsConfigContext& context, config::Diagnostics& diagnostics);

/// The secrets that a context waits for.
std::vector<const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig*> secrets_of(
    const envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext& message);
std::vector<const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig*> secrets_of(
    const envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext& message);

/// Reads a secret alone, to find out whether it is good. False after reporting an error.
bool check_secret(const envoy::extensions::transport_sockets::tls::v3::Secret& secret, const config::FieldPath& at,
                  TlsConfigContext& context, config::Diagnostics& diagnostics);

/// Says which fields are implemented.
void declare_tls(config::SupportTable& table);

}  // namespace weir::net
