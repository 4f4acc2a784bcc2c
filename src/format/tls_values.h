// The values of the operators that tell of TLS.
#pragma once

#include "format/operator.h"
#include "net/tls/tls_info.h"

namespace weir::format::tls {

/// Whose connection: the client's or the one upstream. Null without TLS.
const net::TlsInfo* downstream(const FormatContext& context);
const net::TlsInfo* upstream(const FormatContext& context);
using Side = const net::TlsInfo* (*)(const FormatContext&);

/// Several names, with commas between them; missing if there are none.
Value joined(const std::vector<std::string>& names, Scratch& scratch);
/// A time of the peer's certificate.
Value time(const Parameters& parameters, const net::TlsInfo* tls, int64_t net::CertificateFacts::*field, Scratch& scratch);

using Values = const Parameters&;
using Context = const FormatContext&;

/// A text of the peer's certificate, or of our own.
template <Side kSide, std::string net::CertificateFacts::*kField>
Value peer_text(Values, Context c, Scratch&) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : Value::of_nonempty(tls->peer().*kField);
}
template <Side kSide, std::string net::CertificateFacts::*kField>
Value local_text(Values, Context c, Scratch&) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : Value::of_nonempty(tls->local().*kField);
}
template <Side kSide, std::vector<std::string> net::CertificateFacts::*kField>
Value peer_names(Values, Context c, Scratch& scratch) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : joined(tls->peer().*kField, scratch);
}
template <Side kSide, std::vector<std::string> net::CertificateFacts::*kField>
Value local_names(Values, Context c, Scratch& scratch) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : joined(tls->local().*kField, scratch);
}
template <Side kSide, int64_t net::CertificateFacts::*kField>
Value peer_time(Values parameters, Context c, Scratch& scratch) {
  return time(parameters, kSide(c), kField, scratch);
}
/// A text of the connection itself.
template <Side kSide, auto kField>
Value text(Values, Context c, Scratch&) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : Value::of_nonempty(tls->*kField);
}
template <Side kSide>
Value peer_pem(Values, Context c, Scratch&) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : Value::of_nonempty(tls->peer_pem());
}
template <Side kSide, std::vector<std::string> (net::TlsInfo::*kList)() const>
Value chain(Values, Context c, Scratch& scratch) {
  const net::TlsInfo* tls = kSide(c);
  return tls == nullptr ? Value() : joined((tls->*kList)(), scratch);
}

}  // namespace weir::format::tls
