#include "net/tls/tls_errors.h"

#include <openssl/proverr.h>
#include <openssl/sslerr.h>

#include <string_view>

#include "net/tls/openssl.h"

namespace weir::net {

namespace {

constexpr unsigned kSslLibrary = 16;  // BoringSSL's number for it

/// BoringSSL's number of a reason. Alerts (1000 and above) have the same in both libraries.
unsigned boring_reason(int reason) {
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return 125;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return 192;
    case SSL_R_HTTP_REQUEST:
      return 156;
    case SSL_R_HTTPS_PROXY_REQUEST:
      return 155;
    case SSL_R_WRONG_VERSION_NUMBER:
      return 247;
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return 240;
    case SSL_R_NO_SHARED_CIPHER:
      return 184;
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return 253;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return 139;
    case SSL_R_UNEXPECTED_MESSAGE:
      return 223;
    case SSL_R_DIGEST_CHECK_FAILED:
      return 143;
    case SSL_R_BAD_SIGNATURE:
      return 114;
    case SSL_R_WRONG_CURVE:
      return 245;
    case SSL_R_NO_RENEGOTIATION:
      return 182;
    case SSL_R_LENGTH_MISMATCH:
      return 167;
    default:
      return static_cast<unsigned>(reason);
  }
}

std::string name_of(int reason, const char* text) {
  switch (reason) {
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return "NO_COMMON_SIGNATURE_ALGORITHMS";
    default:
      break;
  }
  std::string name = text != nullptr ? text : "UNKNOWN";
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == ' ' || c == '-') c = '_';
  }
  return name;
}

}  // namespace

TlsFailure take_tls_failure() {
  TlsFailure failure;
  while (const unsigned long error = ERR_get_error()) {
    const int reason = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) == ERR_LIB_PROV && reason == PROV_R_CIPHER_OPERATION_FAILED)
      continue;  // OpenSSL says what is meant next
    const bool ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    if (ssl && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) failure.missing_certificate = failure.counted = true;
    if (ssl && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) failure.counted = true;
    if (ssl && reason >= SSL_AD_REASON_OFFSET) failure.told = true;
    if (ssl && reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC) {
      failure.text += "|503316581:Cipher functions:OPENSSL_internal:BAD_DECRYPT";  // BoringSSL says both
    }
    const unsigned number = ssl ? (kSslLibrary << 24 | boring_reason(reason)) : static_cast<unsigned>(error);
    const char* library = ERR_lib_error_string(error);
    failure.text += "|" + std::to_string(number) + ":" + (library != nullptr ? library : "unknown") +
                    ":OPENSSL_internal:" + name_of(reason, ERR_reason_error_string(error));
  }
  if (!failure.text.empty()) failure.text = "TLS_error:" + failure.text + ":TLS_error_end";
  return failure;
}

}  // namespace weir::net
