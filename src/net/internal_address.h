// Internal addresses: those of listeners within this process, which no socket belongs to.
#pragma once

#include <string_view>

#include "net/address.h"

namespace weir::net {

/// "envoy://LISTENER/ENDPOINT_ID". The id tells endpoints apart that lead to the same listener. Fails if both together are too
/// long for what holds addresses.
Result<Address> make_internal_address(std::string_view listener, std::string_view endpoint_id);

bool is_internal(const Address& address);
/// The listener's name; only for internal addresses.
std::string_view internal_listener(const Address& address);

}  // namespace weir::net
