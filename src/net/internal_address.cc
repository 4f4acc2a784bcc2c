#include "net/internal_address.h"

#include <cstring>
#include <string>

namespace weir::net {

namespace {
constexpr std::string_view kScheme = "envoy://";
}

/// A sockaddr of no family, whose bytes are the text; Address knows how to describe it.
Result<Address> make_internal_address(std::string_view listener, std::string_view endpoint_id) {
  const std::string text = std::string(kScheme) + std::string(listener) + "/" + std::string(endpoint_id);
  sockaddr_storage storage{};
  constexpr size_t kOffset = sizeof storage.ss_family;
  if (kOffset + text.size() > sizeof storage) {
    return failure("an internal address must have at most " + std::to_string(sizeof storage - kOffset) + " bytes: " + text);
  }
  storage.ss_family = AF_UNSPEC;
  std::memcpy(reinterpret_cast<char*>(&storage) + kOffset, text.data(), text.size());
  return Address::from_sockaddr(storage, static_cast<socklen_t>(kOffset + text.size()));
}

bool is_internal(const Address& address) { return address.family() == AF_UNSPEC && address.text().starts_with(kScheme); }

std::string_view internal_listener(const Address& address) {
  const std::string_view rest = std::string_view(address.text()).substr(kScheme.size());
  return rest.substr(0, rest.find('/'));
}

}  // namespace weir::net
