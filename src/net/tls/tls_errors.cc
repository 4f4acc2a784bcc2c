#include "net/tls/tls_errors.h"

#include <openssl/proverr.h>
#include <openssl/sslerr.h>

#include <algorithm>

namespace weir::net {

namespace {

constexpr unsigned kSslLibrary = 16;  // BoringSSL's number for it

/// What BoringSSL calls a failure, and its number for it. Alerts (1000 and above) are the same in both libraries.
struct Reason {
  int openssl;
  unsigned number;
  const char* name = nullptr;  // null: the same
};

constexpr Reason kReasons[] = {
    {SSL_R_BAD_SIGNATURE, 114},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, 125},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, 139},
    {SSL_R_DIGEST_CHECK_FAILED, 143},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, 150},
    {SSL_R_HTTPS_PROXY_REQUEST, 155},
    {SSL_R_HTTP_REQUEST, 156},
    {SSL_R_LENGTH_MISMATCH, 167},
    {SSL_R_NO_RENEGOTIATION, 182},
    {SSL_R_NO_SHARED_CIPHER, 184},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, 253, "NO_COMMON_SIGNATURE_ALGORITHMS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, 146, "ENCRYPTED_LENGTH_TOO_LONG"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, 192},
    {SSL_R_UNEXPECTED_MESSAGE, 223},
    {SSL_R_UNSUPPORTED_PROTOCOL, 240},
    {SSL_R_VERSION_TOO_LOW, 240, "UNSUPPORTED_PROTOCOL"},
    {SSL_R_WRONG_CURVE, 243},
    {SSL_R_WRONG_VERSION_NUMBER, 247},
};

/// Those of a server that reads a ClientHello.
constexpr Reason kHelloReasons[] = {
    {SSL_R_BAD_EXTENSION, 131, "CLIENTHELLO_PARSE_FAILED"},
    {SSL_R_LENGTH_MISMATCH, 131, "CLIENTHELLO_PARSE_FAILED"},
    {SSL_R_NO_CIPHERS_SPECIFIED, 131, "CLIENTHELLO_PARSE_FAILED"},
    {SSL_R_NO_COMPRESSION_SPECIFIED, 131, "CLIENTHELLO_PARSE_FAILED"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, 266, "NO_SHARED_GROUP"},
};

Reason boring_reason(int reason, SSL* ssl) {
  const auto is_it = [reason](const Reason& each) { return each.openssl == reason; };
  if (SSL_is_server(ssl) && SSL_in_init(ssl)) {
    if (const auto* found = std::ranges::find_if(kHelloReasons, is_it); found != std::end(kHelloReasons)) return *found;
    // Without a group in common no suite can be, and BoringSSL says so.
    if (reason == SSL_R_NO_SHARED_CIPHER && SSL_get_shared_group(ssl, -1) == 0) return {reason, 243, "WRONG_CURVE"};
  }
  if (const auto* found = std::ranges::find_if(kReasons, is_it); found != std::end(kReasons)) return *found;
  return {reason, static_cast<unsigned>(reason)};
}

std::string as_constant(const char* text) {
  std::string name = text != nullptr ? text : "UNKNOWN";
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == ' ' || c == '-') c = '_';
  }
  return name;
}

}  // namespace

TlsFailure take_tls_failure(SSL* ssl) {
  TlsFailure failure;
  while (const unsigned long error = ERR_get_error()) {
    const int reason = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) == ERR_LIB_PROV && reason == PROV_R_CIPHER_OPERATION_FAILED)
      continue;  // OpenSSL says what is meant next
    const bool of_tls = ERR_GET_LIB(error) == ERR_LIB_SSL;
    const Reason known = of_tls ? boring_reason(reason, ssl) : Reason{reason, 0};
    if (of_tls) {
      if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) failure.missing_certificate = failure.counted = true;
      if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) failure.counted = true;
      if (reason == SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM) failure.no_signature = true;
      if (reason >= SSL_AD_REASON_OFFSET) failure.told = true;
      if (reason == SSL_R_WRONG_VERSION_NUMBER) failure.no_tls = true;
      if (reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC) {
        failure.text += "|503316581:Cipher functions:OPENSSL_internal:BAD_DECRYPT";  // BoringSSL says both
      }
    }
    const unsigned number = of_tls ? (kSslLibrary << 24 | known.number) : static_cast<unsigned>(error);
    const char* library = ERR_lib_error_string(error);
    failure.text += "|" + std::to_string(number) + ":" + (library != nullptr ? library : "unknown") +
                    ":OPENSSL_internal:" + as_constant(known.name != nullptr ? known.name : ERR_reason_error_string(error));
    const bool at_hello = !SSL_is_server(ssl) && SSL_in_init(ssl) && SSL_get_pending_cipher(ssl) == nullptr;
    if (of_tls && reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && at_hello) {  // BoringSSL adds what it was about
      failure.text += "|268435610:SSL routines:OPENSSL_internal:HANDSHAKE_FAILURE_ON_CLIENT_HELLO";
    }
  }
  if (!failure.text.empty()) failure.text = "TLS_error:" + failure.text + ":TLS_error_end";
  return failure;
}

}  // namespace weir::net
