#include "upstream/original_dst.h"

#include <charconv>

namespace weir::upstream {

namespace {

/// "1.2.3.4:80" or "[::1]:80"; null for anything else.
net::AddressPtr parse(std::string_view text, ClusterStats& stats) {
  const auto wrong = [&]() -> net::AddressPtr {
    stats.original_dst_host_invalid.add();
    return nullptr;
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end) return wrong();
  std::string_view ip = text.substr(0, colon);
  const bool bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  if (bracketed != (ip.find(':') != std::string_view::npos)) return wrong();
  auto address = net::Address::from_ip(ip, port);
  if (!address) return wrong();
  return std::make_shared<const net::Address>(*std::move(address));
}

const format::MetadataValue* text_in(const format::MetadataValue* value) {
  if (value != nullptr && value->kind == format::MetadataValue::Kind::kList && !value->items.empty()) value = &value->items[0];
  return value != nullptr && value->kind == format::MetadataValue::Kind::kText ? value : nullptr;
}

net::AddressPtr unchanged(const OriginalDstSpec& spec, PickContext& context, ClusterStats& stats) {
  const format::StreamInfo* info = context.info();
  if (info != nullptr) {
    const auto* object = info->filter_state.find("envoy.network.transport_socket.original_dst_address");
    if (object != nullptr && object->address != nullptr) return std::make_shared<const net::Address>(*object->address);
    if (!spec.metadata_filter.empty()) {
      if (const auto* value = text_in(info->metadata.find(spec.metadata_filter, spec.metadata_path))) {
        if (net::AddressPtr address = parse(value->text, stats)) return address;
      }
    }
  }
  if (!spec.header.empty() && context.headers() != nullptr) {
    const std::string_view value = first_value(*context.headers(), spec.header);
    if (value.data() != nullptr) {
      if (net::AddressPtr address = parse(value, stats)) return address;
    }
  }
  if (info == nullptr || info->connection == nullptr) return nullptr;
  const format::ConnectionInfo& connection = *info->connection;
  const bool restored = connection.local_address != nullptr && connection.direct_local_address != nullptr &&
                        connection.local_address->text() != connection.direct_local_address->text();
  return restored ? connection.local_address : nullptr;
}

}  // namespace

net::AddressPtr original_destination(const OriginalDstSpec& spec, PickContext& context, ClusterStats& stats) {
  net::AddressPtr address = unchanged(spec, context, stats);
  if (address == nullptr || !spec.port) return address;
  return std::make_shared<const net::Address>(address->with_port(*spec.port));
}

std::string_view first_value(const http::HeaderMap& headers, std::string_view name) {
  for (const http::Header& line : headers) {
    if (line.name == name) return line.value.data() != nullptr ? line.value : std::string_view("");
  }
  return {};
}

}  // namespace weir::upstream
