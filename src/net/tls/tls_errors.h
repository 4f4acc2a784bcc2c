// TLS failures in Envoy's words, which people search their logs for.
#pragma once

#include <string>

#include "net/tls/openssl.h"

namespace weir::net {

struct TlsFailure {
  /// "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end"; "" if the library said
  /// nothing.
  std::string text;
  bool missing_certificate = false;  // the peer gave none though it had to
  bool counted = false;              // it has (or gets) a counter of its own and is no connection_error
  bool told = false;                 // it is an alert that the peer sent
  bool no_tls = false;               // what came is no record of TLS
  bool no_signature = false;         // the peer takes no signature that our key can make
};

/// What Envoy adds to a failure after the handshake that it had to tell the peer: it then fails to say goodbye, too.
inline constexpr char kNoGoodbye[] = "|268435650:SSL routines:OPENSSL_internal:PROTOCOL_IS_SHUTDOWN:TLS_error_end";

inline constexpr char kKeyUsage[] = "TLS_error:|268435758:SSL routines:OPENSSL_internal:KEY_USAGE_BIT_INCORRECT:TLS_error_end";

/// Empties this thread's queue of OpenSSL errors, the last of which are those of `ssl`.
TlsFailure take_tls_failure(SSL* ssl);

}  // namespace weir::net
