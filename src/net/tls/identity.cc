#include "net/tls/identity.h"

#include <openssl/pkcs12.h>

#include "net/tls/certificate.h"
#include "net/tls/key_reader.h"
#include "net/tls/ocsp.h"
#include "net/tls/parsed.h"

namespace weir::net {

namespace {

using Problem = TlsIdentity::Problem;

std::unexpected<Problem> problem(std::string field, std::string message) {
  ERR_clear_error();
  return std::unexpected(Problem{std::move(field), std::move(message)});
}

/// BoringSSL, and so Envoy, knows these curves and no others.
bool known_curve(int nid) { return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1; }

int curve_of(const EVP_PKEY* key) {
  char name[64];
  size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name, sizeof name, &size) != 1) return NID_undef;
  return OBJ_txt2nid(name);
}

/// Fills from the texts; the first certificate of the chain is our own.
std::expected<void, Problem> parse_pem(const TlsCertificateSpec& spec, KeyReader& keys, TlsIdentity::Parsed& parsed) {
  parsed.chain = read_certificates(spec.chain);
  parsed.certificate.reset(sk_X509_shift(parsed.chain.get()));
  if (parsed.certificate == nullptr) {
    return problem("certificate_chain", "no certificate can be read from " + spec.chain_name);
  }
  if (spec.key.empty()) return {};
  parsed.key = keys.read(spec.key, spec.password);
  if (parsed.key == nullptr) return problem("private_key", "no private key can be read from " + spec.key_name);
  return {};
}

std::expected<void, Problem> parse_pkcs12(const TlsCertificateSpec& spec, TlsIdentity::Parsed& parsed) {
  const BioPtr bio = bio_over(spec.pkcs12);
  const std::unique_ptr<PKCS12, OpenSslFree<PKCS12_free>> bundle(d2i_PKCS12_bio(bio.get(), nullptr));
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  STACK_OF(X509)* chain = nullptr;
  if (bundle == nullptr || PKCS12_parse(bundle.get(), spec.password.c_str(), &key, &certificate, &chain) != 1) {
    return problem("pkcs12", "no certificate with its key can be read from " + spec.chain_name);
  }
  parsed.key.reset(key);
  parsed.certificate.reset(certificate);
  parsed.chain.reset(chain != nullptr ? chain : sk_X509_new_null());
  if (certificate == nullptr) return problem("pkcs12", "there is no certificate in " + spec.chain_name);
  return {};
}

}  // namespace

TlsIdentity::TlsIdentity() : parsed_(std::make_unique<Parsed>()) {}
TlsIdentity::~TlsIdentity() = default;

std::optional<TlsIdentity::Validity> TlsIdentity::staple_validity() const {
  if (staple_ == nullptr) return std::nullopt;
  return Validity{staple_->valid_from_s(), staple_->valid_until_s()};
}

std::expected<TlsIdentityPtr, TlsIdentity::Problem> TlsIdentity::load(const TlsCertificateSpec& spec, KeyReader& keys) {
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity());
  Parsed& parsed = *identity->parsed_;
  const auto read = spec.pkcs12.empty() ? parse_pem(spec, keys, parsed) : parse_pkcs12(spec, parsed);
  if (!read) return std::unexpected(read.error());

  const EVP_PKEY* key = X509_get0_pubkey(parsed.certificate.get());
  const std::string where = spec.chain_name;
  if (key == nullptr) return problem("certificate_chain", "the public key in " + where + " cannot be read");
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
      identity->ecdsa_ = true;
      parsed.curve_nid = curve_of(key);
      if (!known_curve(parsed.curve_nid)) {
        return problem("certificate_chain", where + " has an ECDSA key on a curve that is not P-256, P-384 or P-521");
      }
      break;
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < 2048) return problem("certificate_chain", where + " has an RSA key of less than 2048 bits");
      break;
    default:
      return problem("certificate_chain", where + " has neither an RSA nor an ECDSA key");
  }
  if (parsed.key != nullptr && X509_check_private_key(parsed.certificate.get(), parsed.key.get()) != 1) {
    return problem(spec.pkcs12.empty() ? "private_key" : "pkcs12",
                   "the private key does not belong to the certificate in " + where);
  }
  identity->facts_ = std::make_shared<const CertificateFacts>(facts_of(parsed.certificate.get()));
  for (int i = 0; i < sk_X509_num(parsed.chain.get()); ++i) {
    identity->chain_facts_.push_back(facts_of(sk_X509_value(parsed.chain.get(), i)));
  }
  identity->server_names_ = server_names_of(parsed.certificate.get());
  identity->name_ = where;
  identity->needs_staple_ = must_be_stapled(parsed.certificate.get());
  if (!spec.ocsp_staple.empty()) {
    auto staple = OcspStaple::parse(spec.ocsp_staple);
    if (!staple) return problem("ocsp_staple", spec.ocsp_staple_name + " " + staple.error());
    if (!staple->is_about(parsed.certificate.get())) {
      return problem("ocsp_staple", "the OCSP response is not about the certificate in " + where);
    }
    identity->staple_ = std::make_unique<const OcspStaple>(std::move(*staple));
  }
  ERR_clear_error();
  return identity;
}

}  // namespace weir::net
