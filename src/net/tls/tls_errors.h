// TLS failures in Envoy's words, which people search their logs for.
#pragma once

#include <string>

namespace weir::net {

struct TlsFailure {
  /// "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end"; "" if the library said
  /// nothing.
  std::string text;
  bool missing_certificate = false;  // the peer gave none though it had to
  bool counted = false;              // it has (or gets) a counter of its own and is no connection_error
};

/// Empties this thread's queue of OpenSSL errors.
TlsFailure take_tls_failure();

}  // namespace weir::net
