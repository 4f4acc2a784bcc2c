#include "net/tls/handshake.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/text.h"
#include "net/tls/certificate.h"
#include "net/tls/ocsp.h"
#include "net/tls/parsed.h"
#include "net/tls/suites.h"

namespace weir::net {

namespace {

// --- is the peer to be believed? ---

/// Whether the chain leads to somebody we trust; else OpenSSL's reason.
int verify_chain(X509_STORE* store, X509* certificate, STACK_OF(X509) * chain, bool peer_is_client, const TlsTrustSpec& spec) {
  const std::unique_ptr<X509_STORE_CTX, OpenSslFree<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(context.get(), store, certificate, chain) != 1) return X509_V_ERR_OUT_OF_MEM;
  X509_STORE_CTX_set_default(context.get(), peer_is_client ? "ssl_client" : "ssl_server");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_auth_level(parameters, 0);
  // As observed in Envoy, the limit acts on servers only, and counts one more than the intermediates.
  if (spec.max_depth && peer_is_client) {
    X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(std::max<uint32_t>(*spec.max_depth, 1) - 1));
  }
  if (X509_verify_cert(context.get()) == 1) return X509_V_OK;
  const int error = X509_STORE_CTX_get_error(context.get());
  return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}

bool matches(const SanMatcher& matcher, X509* certificate) {
  const std::vector<std::string> names = sans_of(certificate, matcher.type, matcher.oid);
  return std::ranges::any_of(names, [&](const std::string& name) {
    if (matcher.type == SanMatcher::Type::kDns && matcher.exact) return dns_name_covers(name, *matcher.exact);
    return matcher.matches(name);
  });
}

/// Names given for one connection (auto_san_validation): host names or addresses.
bool covers_any(X509* certificate, const std::vector<std::string>& expected) {
  const auto holds = [&](SanMatcher::Type type, const auto& same) {
    return std::ranges::any_of(sans_of(certificate, type), [&](const std::string& name) {
      return std::ranges::any_of(expected, [&](const std::string& each) { return same(name, each); });
    });
  };
  const auto equal = [](const std::string& a, const std::string& b) { return a == b; };
  return holds(SanMatcher::Type::kDns, [](const std::string& a, const std::string& b) { return dns_name_covers(a, b); }) ||
         holds(SanMatcher::Type::kUri, equal) || holds(SanMatcher::Type::kIp, equal);
}

/// Whether a server's RSA key may be used as it is: to sign.
bool may_sign(X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) return true;
  return (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;  // all bits are set without the extension
}

bool listed(const std::vector<std::string>& hashes, const std::string& hash) {
  return std::ranges::find(hashes, hash) != hashes.end();
}

// --- SPIFFE ---

/// "spiffe://domain/path" → "domain"; "" for anything else.
std::string_view trust_domain_of(std::string_view id) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!id.starts_with(kScheme)) return {};
  id.remove_prefix(kScheme.size());
  const size_t slash = id.find('/');
  return slash == std::string_view::npos ? std::string_view() : id.substr(0, slash);
}

/// An X.509-SVID's leaf: no CA, and its key does not sign certificates (X509-SVID §4).
bool is_svid_leaf(X509* certificate) {
  if ((X509_get_extension_flags(certificate) & EXFLAG_CA) != 0) return false;
  const uint32_t usage = X509_get_key_usage(certificate);
  return usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) == 0;
}

X509_STORE* store_of_domain(const TlsTrust& trust, X509* certificate) {
  const std::vector<std::string> ids = sans_of(certificate, SanMatcher::Type::kUri);
  if (ids.empty()) return nullptr;
  const std::string_view domain = trust_domain_of(ids.front());
  for (const auto& [name, store] : trust.parsed().trust_domains) {
    if (name == domain) return store.get();
  }
  return nullptr;
}

// --- OpenSSL's questions ---

constexpr long kModernSessionTimeoutS = 2 * 24 * 3600;  // of TLS 1.3; BoringSSL's

int on_verify(X509_STORE_CTX* store, void*) {
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  TlsHandshake& handshake = TlsHandshake::of(ssl);
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_untrusted(store);
  handshake.keep_peer(certificate, chain);
  int error = X509_V_OK;
  const bool accepted = handshake.accept_peer(certificate, chain, error);
  // The session remembers this, also of somebody who was accepted without having been validated.
  X509_STORE_CTX_set_error(store, handshake.info.peer_validated ? X509_V_OK : error);
  return accepted ? 1 : 0;
}

int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned int in_size, void*) {
  const std::string& ours = TlsHandshake::of(ssl).context.impl().alpn;
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned int>(ours.size()), in, in_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;  // a mismatch never fails a handshake
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int on_server_name(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

int on_certificate(SSL* ssl, void*) {
  // The choice among suites of TLS 1.2 is the server's; of TLS 1.3, where all are good, the client's.
  if (SSL_version(ssl) < TLS1_3_VERSION) {
    SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    let_client_choose(ssl, TlsHandshake::of(ssl).context.impl().suites);
  } else {  // session_timeout is for TLS 1.2
    SSL_SESSION_set_timeout(SSL_get_session(ssl), kModernSessionTimeoutS);
  }
  const TlsHandshake& handshake = TlsHandshake::of(ssl);
  if (handshake.context.common().identities.size() < 2) return 1;
  const TlsIdentity* identity = handshake.choose_identity(ssl);
  if (identity == nullptr) return 1;
  const TlsIdentity::Parsed& parsed = identity->parsed();
  SSL_certs_clear(ssl);
  return SSL_use_cert_and_key(ssl, parsed.certificate.get(), parsed.key.get(), parsed.chain.get(), 1);
}

/// The client would like to see an OCSP response with the certificate that was chosen.
int on_staple_wanted(SSL* ssl, void*) {
  const TlsHandshake& handshake = TlsHandshake::of(ssl);
  const TlsServerSpec& spec = handshake.context.server_spec();
  const X509* certificate = SSL_get_certificate(ssl);
  const auto shown = std::ranges::find_if(
      spec.identities, [&](const TlsIdentityPtr& each) { return each->parsed().certificate.get() == certificate; });
  if (shown == spec.identities.end()) return SSL_TLSEXT_ERR_NOACK;
  using Policy = TlsServerSpec::Staple;
  const OcspStaple* staple = (*shown)->staple();
  const Policy policy = (*shown)->needs_staple() ? Policy::kMust : spec.staple;
  const bool valid = staple != nullptr && staple->valid_at(wall_now() / kNsPerSecond);
  TlsStats& stats = handshake.stats;
  stats.ocsp_staple_requests.add();
  if (!valid) {
    const bool fails = policy == Policy::kMust || (policy == Policy::kStrict && staple != nullptr);
    (fails ? stats.ocsp_staple_failed : stats.ocsp_staple_omitted).add();
    return fails ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
  }
  const std::string& der = staple->der();
  void* const copy = OPENSSL_memdup(der.data(), der.size());  // OpenSSL's from now on
  if (copy == nullptr || SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(der.size())) != 1) {
    OPENSSL_free(copy);
    return SSL_TLSEXT_ERR_NOACK;
  }
  stats.ocsp_staple_responses.add();
  return SSL_TLSEXT_ERR_OK;
}

/// A client keeps what servers give it.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
  const TlsContext& context = TlsHandshake::of(ssl).context;
  if (context.is_server()) return 0;
  const TlsContext::Impl& impl = context.impl();
  const std::lock_guard lock(impl.sessions_mutex);
  impl.sessions.emplace_front(session);
  if (impl.sessions.size() > context.client_spec().max_sessions) impl.sessions.pop_back();
  return 1;  // we own it now
}

/// For those who decode what they recorded (NSS key log format); one write a line, so that lines of different threads stay whole.
void on_key(const SSL* ssl, const char* line) {
  if (!TlsHandshake::of(ssl).logs_keys) return;
  const std::string text = std::string(line) + "\n";
  [[maybe_unused]] const ssize_t written = write(TlsHandshake::of(ssl).context.impl().key_log, text.data(), text.size());
}

// --- tickets with keys from the configuration ---

constexpr size_t kTicketName = 16, kTicketHmac = 32, kTicketAes = 32;

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  const std::vector<std::string>& keys = TlsHandshake::of(ssl).context.server_spec().ticket_keys;
  const std::string* key = nullptr;
  if (encrypt == 1) {
    key = &keys.front();
    std::copy_n(key->data(), kTicketName, name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  } else {
    for (const std::string& each : keys) {
      if (std::memcmp(each.data(), name, kTicketName) == 0) key = &each;
    }
    if (key == nullptr) return 0;
  }
  auto* hmac = reinterpret_cast<unsigned char*>(const_cast<char*>(key->data())) + kTicketName;
  const unsigned char* aes = hmac + kTicketHmac;
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, kTicketHmac),
                             OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
                             OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
  const auto start = encrypt == 1 ? EVP_EncryptInit_ex : EVP_DecryptInit_ex;
  if (start(cipher, EVP_aes_256_cbc(), nullptr, aes, iv) != 1) return -1;
  return encrypt == 1 || key == &keys.front() ? 1 : 2;  // 2: give the client a new one
}

}  // namespace

bool TlsHandshake::accept_peer(X509* certificate, STACK_OF(X509) * chain, int& error) {
  const TlsTrust* trust = context.common().trust.get();
  if (!context.is_server() && !may_sign(certificate)) {
    if (context.client_spec().enforce_rsa_key_usage) {
      error = X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE;
      refused_key_usage = true;
      return false;
    }
    stats.was_key_usage_invalid.add();
  }
  error = X509_V_ERR_APPLICATION_VERIFICATION;
  // As in Envoy, names are not looked for where nobody vouches for them.
  if (trust == nullptr || !trust->asks()) return expected_sans.empty();
  const TlsTrustSpec& spec = trust->spec();
  const auto refuse = [&](stats::Counter& counter, const char* why) {
    counter.add();
    details = why;
    return spec.accept_untrusted;  // then nothing further is looked at
  };
  if (trust->checks_chain()) {
    X509_STORE* store = trust->parsed().store.get();
    if (!spec.spiffe.empty()) store = is_svid_leaf(certificate) ? store_of_domain(*trust, certificate) : nullptr;
    const int found =
        store == nullptr ? X509_V_ERR_CERT_UNTRUSTED : verify_chain(store, certificate, chain, context.is_server(), spec);
    if (found != X509_V_OK) {
      error = found;
      return refuse(stats.fail_verify_error, X509_verify_cert_error_string(found));
    }
  }
  if (!expected_sans.empty() && !covers_any(certificate, expected_sans)) {
    return refuse(stats.fail_verify_san, "none of the expected names is in the certificate");
  }
  if (!spec.sans.empty() && std::ranges::none_of(spec.sans, [&](const SanMatcher& each) { return matches(each, certificate); })) {
    return refuse(stats.fail_verify_san, "no subject alternative name matches");
  }
  if (!spec.certificate_hashes.empty() || !spec.key_hashes.empty()) {
    const bool known =
        listed(spec.certificate_hashes, raw_fingerprint(certificate)) || listed(spec.key_hashes, raw_key_hash(certificate));
    if (!known) return refuse(stats.fail_verify_cert_hash, "neither the certificate nor its key is listed");
  }
  info.peer_validated = true;
  return true;
}

void TlsHandshake::keep_peer(X509* certificate, STACK_OF(X509) * chain) {
  if (info.peer_certificate_ != nullptr || certificate == nullptr) return;
  X509_up_ref(certificate);
  info.peer_certificate_ = certificate;
  if (chain != nullptr) info.peer_chain_ = X509_chain_up_ref(chain);
}

/// What a client can make use of.
namespace {

struct ClientAbility {
  bool ecdsa = false;
  bool p256 = false, p384 = false, p521 = false;
};

ClientAbility ability_of(SSL* ssl) {
  ClientAbility ability;
  const bool modern = SSL_version(ssl) >= TLS1_3_VERSION;
  if (modern) {
    const int count = SSL_get_sigalgs(ssl, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
    for (int i = 0; i < count; ++i) {
      unsigned char signature = 0, hash = 0;
      SSL_get_sigalgs(ssl, i, nullptr, nullptr, nullptr, &signature, &hash);
      if (signature != 3) continue;  // ecdsa_secp…r1_sha…
      ability.ecdsa = true;
      if (hash == 4) ability.p256 = true;
      if (hash == 5) ability.p384 = true;
      if (hash == 6) ability.p521 = true;
    }
    return ability;
  }
  // Below TLS 1.3 the groups and a suite that we have in common decide.
  std::vector<int> groups(static_cast<size_t>(std::max(SSL_get1_groups(ssl, nullptr), 0L)));
  if (!groups.empty()) SSL_get1_groups(ssl, groups.data());
  if (groups.empty()) ability.p256 = true;
  for (const int group : groups) {
    if (group == NID_X9_62_prime256v1) ability.p256 = true;
    if (group == NID_secp384r1) ability.p384 = true;
    if (group == NID_secp521r1) ability.p521 = true;
  }
  const STACK_OF(SSL_CIPHER)* theirs = SSL_get_client_ciphers(ssl);
  const STACK_OF(SSL_CIPHER)* ours = SSL_get_ciphers(ssl);
  for (int i = 0; i < sk_SSL_CIPHER_num(theirs); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(theirs, i);
    if (SSL_CIPHER_get_auth_nid(cipher) != NID_auth_ecdsa) continue;
    for (int k = 0; k < sk_SSL_CIPHER_num(ours); ++k) {
      if (sk_SSL_CIPHER_value(ours, k) == cipher) ability.ecdsa = true;
    }
  }
  return ability;
}

bool can_use(const TlsIdentity& identity, const ClientAbility& ability) {
  if (!identity.is_ecdsa()) return true;
  if (!ability.ecdsa) return false;
  switch (identity.parsed().curve_nid) {
    case NID_X9_62_prime256v1:
      return ability.p256;
    case NID_secp384r1:
      return ability.p384;
    default:
      return ability.p521;
  }
}

/// 2 for the very name, 1 for a wildcard over its first label, 0 for neither. Case counts, as observed in Envoy.
int name_rank(const TlsIdentity& identity, std::string_view name) {
  int rank = 0;
  const size_t dot = name.find('.');
  for (const std::string& each : identity.server_names()) {
    if (each == name) return 2;
    if (dot != std::string_view::npos && each.starts_with("*.") && std::string_view(each).substr(1) == name.substr(dot)) rank = 1;
  }
  return rank;
}

}  // namespace

/// Among those whose name fits best: one that the client can use, ECDSA before RSA, the first before later ones. The same among
/// all if the client asks for no name, or for one that does not fit and a scan is wanted; else the first.
const TlsIdentity* TlsHandshake::choose_identity(SSL* ssl) const {
  const TlsServerSpec& spec = context.server_spec();
  const char* sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const std::string_view name = sent != nullptr ? sent : "";
  const ClientAbility ability = ability_of(ssl);
  const TlsIdentity *ecdsa = nullptr, *rsa = nullptr, *named = nullptr;
  for (const int wanted : {2, 1}) {
    if (name.empty()) break;
    for (const TlsIdentityPtr& each : spec.identities) {
      if (name_rank(*each, name) != wanted) continue;
      if (named == nullptr) named = each.get();
      const TlsIdentity*& place = each->is_ecdsa() ? ecdsa : rsa;
      if (place == nullptr && can_use(*each, ability)) place = each.get();
    }
    if (named != nullptr) break;
  }
  if (ecdsa != nullptr) return ecdsa;
  if (rsa != nullptr) return rsa;
  if (!name.empty() && !spec.full_scan_on_sni_mismatch) {  // with a key that does not fit the handshake will fail
    return named != nullptr ? named : spec.identities.front().get();
  }
  for (const TlsIdentityPtr& each : spec.identities) {
    const TlsIdentity*& place = each->is_ecdsa() ? ecdsa : rsa;
    if (place == nullptr && can_use(*each, ability)) place = each.get();
  }
  if (ecdsa != nullptr) return ecdsa;
  return rsa != nullptr ? rsa : spec.identities.front().get();
}

void install_callbacks(SSL_CTX* ssl, const TlsContext& context) {
  SSL_CTX_set_cert_verify_callback(ssl, on_verify, nullptr);
  if (context.impl().key_log >= 0) SSL_CTX_set_keylog_callback(ssl, on_key);
  if (context.is_server()) {
    SSL_CTX_set_cert_cb(ssl, on_certificate, nullptr);
    SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
    SSL_CTX_set_tlsext_status_cb(ssl, on_staple_wanted);
    if (!context.impl().alpn.empty()) SSL_CTX_set_alpn_select_cb(ssl, on_alpn, nullptr);
    if (!context.server_spec().ticket_keys.empty()) SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
  } else if (context.client_spec().max_sessions > 0) {
    SSL_CTX_sess_set_new_cb(ssl, on_new_session);
  }
}

}  // namespace weir::net
