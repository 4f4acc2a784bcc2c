#include "net/address_config.h"

#include "envoy/config/core/v3/address.pb.h"
#include "net/internal_address.h"

namespace weir::net {

namespace core = envoy::config::core::v3;
using config::FieldPath;

namespace {

AddressPtr checked(Result<Address> address, const FieldPath& at, config::Diagnostics& diagnostics, std::string_view hint) {
  if (address) return std::make_shared<const Address>(std::move(*address));
  diagnostics.error({{}, at.text(), address.error().message, std::string(hint)});
  return nullptr;
}

}  // namespace

AddressPtr read_address(const core::SocketAddress& address, const FieldPath& at, config::Diagnostics& diagnostics,
                        std::string_view hint) {
  if (!address.resolver_name().empty() && address.resolver_name() != "envoy.ip") {
    diagnostics.error(
        {{}, FieldPath{&at, "resolver_name"}.text(), "unknown address resolver: " + address.resolver_name(), "remove it"});
    return nullptr;
  }
  if (address.port_specifier_case() == core::SocketAddress::kNamedPort) {
    diagnostics.error({{}, FieldPath{&at, "named_port"}.text(), "an IP address cannot have a named port", "give port_value"});
    return nullptr;
  }
  return checked(Address::from_ip(address.address(), static_cast<uint16_t>(address.port_value())), FieldPath{&at, "address"},
                 diagnostics, hint);
}

AddressPtr read_address(const core::Address& address, const FieldPath& at, config::Diagnostics& diagnostics,
                        std::string_view hint) {
  switch (address.address_case()) {
    case core::Address::kSocketAddress:
      return read_address(address.socket_address(), FieldPath{&at, "socket_address"}, diagnostics, hint);
    case core::Address::kPipe: {
      const FieldPath pipe{&at, "pipe"};
      return checked(Address::from_path(address.pipe().path()), FieldPath{&pipe, "path"}, diagnostics, "");
    }
    case core::Address::kEnvoyInternalAddress:
      return checked(make_internal_address(address.envoy_internal_address().server_listener_name(),
                                           address.envoy_internal_address().endpoint_id()),
                     FieldPath{&at, "envoy_internal_address"}, diagnostics, "give a shorter name or endpoint_id");
    case core::Address::ADDRESS_NOT_SET:
      diagnostics.error({{}, at.text(), "an address must be set", "give socket_address or pipe"});
      return nullptr;
  }
  return nullptr;
}

void write_address(const Address& address, core::Address& into) {
  if (address.is_ip()) {
    into.mutable_socket_address()->set_address(std::string(address.ip()));
    into.mutable_socket_address()->set_port_value(address.port());
  } else if (is_internal(address)) {
    const std::string_view listener = internal_listener(address);
    constexpr size_t kAround = std::string_view("envoy:///").size();
    into.mutable_envoy_internal_address()->set_server_listener_name(std::string(listener));
    into.mutable_envoy_internal_address()->set_endpoint_id(address.text().substr(kAround + listener.size()));
  } else {
    into.mutable_pipe()->set_path(address.text());
  }
}

void declare_addresses(config::SupportTable& table) {
  table.message<core::Address>().fields({"socket_address", "pipe", "envoy_internal_address"});
  table.message<core::EnvoyInternalAddress>().all_fields();
  table.message<core::Pipe>().fields({"path", "mode"});
  table.message<core::SocketAddress>()
      .fields({"address", "port_value", "named_port", "resolver_name", "ipv4_compat"})
      .values("protocol", {"TCP", "UDP"});  // UDP where statistics are sent; elsewhere Envoy takes it for TCP
}

}  // namespace weir::net
