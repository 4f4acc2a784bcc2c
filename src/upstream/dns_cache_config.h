// Reading the configuration of a DNS cache.
#pragma once

#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "upstream/spec.h"

namespace envoy::extensions::common::dynamic_forward_proxy::v3 {
class DnsCacheConfig;
}
namespace envoy::config::core::v3 {
class TypedExtensionConfig;
}

namespace weir::upstream {

/// Nothing after reporting an error at `at` or below.
std::optional<DnsCacheSpec> read_dns_cache(const envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig& from,
                                           const config::FieldPath& at, config::Diagnostics& diagnostics);
void declare_dns_cache(config::SupportTable& table);

/// The servers and options of `typed_dns_resolver_config`; false after reporting an error.
bool read_dns_resolver(const envoy::config::core::v3::TypedExtensionConfig& from, const config::FieldPath& at,
                       config::Diagnostics& diagnostics, net::ResolverSpec& result);

}  // namespace weir::upstream
