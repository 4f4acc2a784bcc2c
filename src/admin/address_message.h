// An address as the admin messages show it.
#pragma once

#include "envoy/config/core/v3/address.pb.h"
#include "net/address.h"

namespace weir::admin {

inline void fill_address(const net::Address& address, envoy::config::core::v3::Address& message) {
  if (address.is_ip()) {
    message.mutable_socket_address()->set_address(std::string(address.ip()));
    message.mutable_socket_address()->set_port_value(address.port());
  } else {
    message.mutable_pipe()->set_path(address.text());
  }
}

}  // namespace weir::admin
