#include "format/tls_values.h"

#include <cstring>

namespace weir::format::tls {

const net::TlsInfo* downstream(const FormatContext& context) {
  return context.info.connection == nullptr ? nullptr : context.info.connection->tls_info.get();
}

const net::TlsInfo* upstream(const FormatContext& context) { return context.info.upstream_tls.get(); }

Value joined(const std::vector<std::string>& names, Scratch& scratch) {
  size_t size = 0;
  for (const std::string& name : names) size += name.size() + 1;
  if (size == 0) return {};
  char* const text = scratch.room(size);
  char* to = text;
  for (const std::string& name : names) {
    if (to != text) *to++ = ',';
    std::memcpy(to, name.data(), name.size());
    to += name.size();
  }
  return Value::of_nonempty({text, static_cast<size_t>(to - text)});
}

Value time(const Parameters& parameters, const net::TlsInfo* tls, int64_t net::CertificateFacts::*field, Scratch& scratch) {
  if (tls == nullptr || !tls->has_peer()) return {};
  char* room = scratch.room(TimeFormat::kMaxSize);
  return Value::of({room, parameters.time.write(room, (tls->peer().*field) * kNsPerSecond)});
}

}  // namespace weir::format::tls
