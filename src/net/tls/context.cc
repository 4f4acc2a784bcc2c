#include "net/tls/context.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "net/tls/handshake.h"
#include "net/tls/parsed.h"
#include "net/tls/suites.h"

namespace weir::net {

namespace {

using Problem = TlsContext::Problem;

std::unexpected<Problem> problem(std::string field, std::string message) {
  ERR_clear_error();
  return std::unexpected(Problem{std::move(field), std::move(message)});
}

constexpr char kCurves[] = "X25519:P-256";
constexpr char kSignatures[] =
    "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:rsa_pkcs1_sha256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha384:rsa_pkcs1_sha384:"
    "rsa_pss_rsae_sha512:rsa_pkcs1_sha512";
constexpr uint64_t kSessionTimeoutS = 7200;  // BoringSSL's

constexpr std::string_view kCurveNames[] = {"X25519",    "P-256",     "P-384", "P-521",    "prime256v1",
                                            "secp384r1", "secp521r1", "P-224", "secp224r1"};

int version_number(TlsVersion version, int otherwise) {
  switch (version) {
    case TlsVersion::kAuto:
      return otherwise;
    case TlsVersion::k1_0:
      return TLS1_VERSION;
    case TlsVersion::k1_1:
      return TLS1_1_VERSION;
    case TlsVersion::k1_2:
      return TLS1_2_VERSION;
    case TlsVersion::k1_3:
      return TLS1_3_VERSION;
  }
  return otherwise;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ":") + part;
  return text;
}

std::expected<void, Problem> set_parameters(TlsContext::Impl& impl, const TlsCommonSpec& spec, bool server) {
  SSL_CTX* ssl = impl.ssl.get();
  const int lowest = version_number(spec.min_version, TLS1_2_VERSION);
  const int highest = version_number(spec.max_version, server ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_min_proto_version(ssl, lowest);
  SSL_CTX_set_max_proto_version(ssl, highest);
  // Old versions need hashes that OpenSSL only admits at level 0; weak certificates of our own were refused already.
  SSL_CTX_set_security_level(ssl, lowest < TLS1_2_VERSION ? 0 : 1);

  auto suites = read_suites(spec.ciphers);
  if (!suites) return problem("cipher_suites", suites.error());
  const std::string ciphers = cipher_list(*suites);
  if (SSL_CTX_set_cipher_list(ssl, ciphers.c_str()) != 1) {
    return problem("cipher_suites", "no cipher suite is left of " + ciphers);
  }
  const bool choice = std::ranges::any_of(*suites, [](const auto& group) { return group.size() > 1; });
  if (server && choice) impl.suites = std::move(*suites);
  std::vector<std::string> known;  // each once, which OpenSSL insists on
  for (const std::string& curve : spec.curves) {
    if (std::ranges::find(kCurveNames, curve) == std::end(kCurveNames)) {
      return problem("ecdh_curves", "the curve '" + curve + "' is not known here; X25519, P-256, P-384, P-521 and P-224 are");
    }
    if (std::ranges::find(known, curve) == known.end()) known.push_back(curve);
  }
  const std::string curves = known.empty() ? kCurves : join(known);
  if (SSL_CTX_set1_groups_list(ssl, curves.c_str()) != 1) {
    return problem("ecdh_curves", "one of these curves is not known: " + curves);
  }
  const std::string signatures = spec.signatures.empty() ? kSignatures : join(spec.signatures);
  if (SSL_CTX_set1_sigalgs_list(ssl, signatures.c_str()) != 1) {
    return problem("signature_algorithms", "one of these signature algorithms is not known: " + signatures);
  }
  return {};
}

std::expected<void, Problem> set_identities(SSL_CTX* ssl, const std::vector<TlsIdentityPtr>& identities) {
  for (const TlsIdentityPtr& identity : identities) {
    const TlsIdentity::Parsed& parsed = identity->parsed();
    if (SSL_CTX_use_cert_and_key(ssl, parsed.certificate.get(), parsed.key.get(), parsed.chain.get(), 1) != 1) {
      return problem("tls_certificates", "the certificate " + identity->name() + " cannot be used");
    }
  }
  return {};
}

/// As in Envoy, a server has a name that clients could know it by.
std::expected<void, Problem> check_names(const std::vector<TlsIdentityPtr>& identities) {
  for (const TlsIdentityPtr& identity : identities) {
    const CertificateFacts& facts = *identity->facts();
    const X509_NAME* subject = X509_get_subject_name(identity->parsed().certificate.get());
    if (!facts.dns_sans.empty() || !facts.uri_sans.empty() || !facts.ip_sans.empty() ||
        X509_NAME_get_index_by_NID(subject, NID_commonName, -1) >= 0) {
      continue;
    }
    return problem("tls_certificates", "the certificate " + identity->name() +
                                           " has neither a common name nor a SAN that is a DNS name, a URI or an address");
  }
  return {};
}

/// Sessions of one context may go on in another that shows the same names and believes the same peers.
std::string session_scope(const TlsServerSpec& spec) {
  std::string text;
  const auto add = [&text](std::string_view part) { (text += part) += '\n'; };
  for (const TlsIdentityPtr& identity : spec.identities) {
    add(identity->facts()->subject);
    add(identity->facts()->issuer);
    for (const std::string& name : identity->facts()->dns_sans) add(name);
    for (const std::string& name : identity->facts()->uri_sans) add(name);
  }
  if (spec.trust != nullptr) {
    for (const CertificateFacts& authority : spec.trust->authorities()) add(authority.sha256);
    for (const std::string& hash : spec.trust->spec().certificate_hashes) add(hash);
    for (const std::string& hash : spec.trust->spec().key_hashes) add(hash);
    for (const SanMatcher& san : spec.trust->spec().sans) add(san.exact.value_or(san.oid));
    add(std::to_string(spec.trust->spec().sans.size()));
  }
  for (const std::string& name : spec.chain_server_names) add(name);
  add(spec.require_client_certificate ? "1" : "0");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<char*>(digest), SSL_MAX_SSL_SESSION_ID_LENGTH};
}

void set_verification(SSL_CTX* ssl, const TlsServerSpec& spec) {
  int mode = SSL_VERIFY_NONE;
  if (spec.trust != nullptr && spec.trust->asks()) {
    mode = SSL_VERIFY_PEER;
    if (spec.trust->demands() || (spec.require_client_certificate && spec.trust->checks_chain())) {
      mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    const STACK_OF(X509)* authorities = spec.trust->parsed().authorities.get();
    for (int i = 0; i < sk_X509_num(authorities); ++i) SSL_CTX_add_client_CA(ssl, sk_X509_value(authorities, i));
  }
  SSL_CTX_set_verify(ssl, mode, nullptr);
}

void set_sessions(SSL_CTX* ssl, const TlsServerSpec& spec) {
  const std::string scope = session_scope(spec);
  SSL_CTX_set_session_id_context(ssl, reinterpret_cast<const unsigned char*>(scope.data()),
                                 static_cast<unsigned int>(scope.size()));
  SSL_CTX_set_timeout(ssl, static_cast<long>(spec.session_timeout_s.value_or(kSessionTimeoutS)));
  SSL_CTX_set_session_cache_mode(ssl, spec.stateful_sessions ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ssl, spec.tickets ? 1 : 0);
  if (!spec.tickets) SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
}

std::expected<void, Problem> open_key_log(const TlsCommonSpec& spec, int& fd) {
  if (spec.key_log.empty()) return {};
  fd = open(spec.key_log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return problem("key_log", "cannot write " + spec.key_log + ": " + std::strerror(errno));
  return {};
}

SslContextPtr new_context(const SSL_METHOD* method) {
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);  // our configuration decides, not the machine's openssl.cnf
  SslContextPtr ssl(SSL_CTX_new(method));
  // An idle connection has no buffers; chains are sent as they were given and not searched for in each handshake.
  SSL_CTX_set_mode(ssl.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_options(ssl.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  return ssl;
}

}  // namespace

TlsContext::TlsContext() : impl_(std::make_unique<Impl>()) {}
TlsContext::~TlsContext() = default;

const TlsCommonSpec& TlsContext::common() const {
  return server_ != nullptr ? static_cast<const TlsCommonSpec&>(*server_) : *client_;
}

std::string TlsContext::alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

std::expected<TlsContextPtr, Problem> TlsContext::server(TlsServerSpec given) {
  std::shared_ptr<TlsContext> context(new TlsContext());
  context->server_ = std::make_unique<TlsServerSpec>(std::move(given));
  const TlsServerSpec& spec = *context->server_;
  context->impl_->alpn = alpn_wire(spec.alpn);
  context->impl_->ssl = new_context(TLS_server_method());
  SSL_CTX* ssl = context->impl_->ssl.get();
  if (auto set = set_parameters(*context->impl_, spec, true); !set) return std::unexpected(set.error());
  if (auto set = set_identities(ssl, spec.identities); !set) return std::unexpected(set.error());
  if (auto named = check_names(spec.identities); !named) return std::unexpected(named.error());
  if (auto set = open_key_log(spec, context->impl_->key_log); !set) return std::unexpected(set.error());
  set_verification(ssl, spec);
  set_sessions(ssl, spec);
  install_callbacks(ssl, *context);
  ERR_clear_error();
  return context;
}

std::expected<TlsContextPtr, Problem> TlsContext::client(TlsClientSpec given) {
  std::shared_ptr<TlsContext> context(new TlsContext());
  context->client_ = std::make_unique<TlsClientSpec>(std::move(given));
  const TlsClientSpec& spec = *context->client_;
  context->impl_->alpn = alpn_wire(spec.alpn);
  context->impl_->ssl = new_context(TLS_client_method());
  SSL_CTX* ssl = context->impl_->ssl.get();
  if (auto set = set_parameters(*context->impl_, spec, false); !set) return std::unexpected(set.error());
  if (auto set = set_identities(ssl, spec.identities); !set) return std::unexpected(set.error());
  if (auto set = open_key_log(spec, context->impl_->key_log); !set) return std::unexpected(set.error());
  if (spec.allow_renegotiation) SSL_CTX_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
  // Always asked: without a trust of our own the callback accepts everybody.
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  const bool keep = spec.max_sessions > 0;
  SSL_CTX_set_session_cache_mode(ssl, keep ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
  install_callbacks(ssl, *context);
  ERR_clear_error();
  return context;
}

}  // namespace weir::net
