// Certificates: their facts, and the names they hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/tls/openssl.h"
#include "net/tls/tls_info.h"
#include "net/tls/tls_spec.h"

namespace weir::net {

CertificateFacts facts_of(X509* certificate);
std::string fingerprint_256(X509* certificate);
std::string fingerprint_1(X509* certificate);
std::string serial_of(X509* certificate);
/// SHA-256 of the certificate and of its public key, 32 bytes.
std::string raw_fingerprint(X509* certificate);
std::string raw_key_hash(X509* certificate);
/// Percent-encoded PEM.
std::string url_encoded_pem(X509* certificate);

/// The subject alternative names of one type as text. `oid` chooses among other names ("" for all).
std::vector<std::string> sans_of(X509* certificate, SanMatcher::Type type, std::string_view oid = {});
/// The DNS names that a certificate answers to: its SANs, or the subject's common name if it has no SAN extension at all.
std::vector<std::string> server_names_of(X509* certificate);

/// Whether a name of a certificate, which may begin with "*.", covers a host name; ASCII case does not count.
bool dns_name_covers(std::string_view pattern, std::string_view name);

/// Whether a text is a dotted OID.
bool is_oid(std::string_view text);

int64_t unix_time(const ASN1_TIME* time);

/// All certificates of a PEM text, in order; whatever else stands in it is passed over. Empty if one is broken.
X509StackPtr read_certificates(std::string_view pem);

}  // namespace weir::net
