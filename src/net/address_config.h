// envoy.config.core.v3.Address and its relatives become Address.
#pragma once

#include "base/result.h"
#include "config/diagnostic.h"
#include "config/path.h"
#include "config/support.h"
#include "net/address.h"

namespace envoy::config::core::v3 {
class Address;
class SocketAddress;
}  // namespace envoy::config::core::v3

namespace weir::net {

/// An address that must already be one: an IP address with a port number, or a unix socket's path. Null after reporting an error;
/// `hint` says what else the user could do about a host name.
AddressPtr read_address(const envoy::config::core::v3::Address& address, const config::FieldPath& at,
                        config::Diagnostics& diagnostics, std::string_view hint = "");
AddressPtr read_address(const envoy::config::core::v3::SocketAddress& address, const config::FieldPath& at,
                        config::Diagnostics& diagnostics, std::string_view hint = "");

/// The other way round.
void write_address(const Address& address, envoy::config::core::v3::Address& into);

/// Says which fields of addresses are implemented.
void declare_addresses(config::SupportTable& table);

}  // namespace weir::net
