#include "net/tls/trust.h"

#include <openssl/pem.h>

#include <utility>

#include "net/tls/certificate.h"
#include "net/tls/parsed.h"

namespace weir::net {

namespace {

std::unexpected<TlsTrust::Problem> problem(std::string field, std::string message) {
  ERR_clear_error();
  return std::unexpected(TlsTrust::Problem{std::move(field), std::move(message)});
}

/// Adds certificates and revocation lists of a PEM text; how many of each.
struct Added {
  int certificates = 0, revocations = 0;
};
Added add_pem(X509_STORE* store, std::string_view pem, STACK_OF(X509) * authorities, bool only_revocations) {
  Added added;
  const BioPtr bio = bio_over(pem);
  const InfosPtr infos(PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr));
  for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
    const X509_INFO* info = sk_X509_INFO_value(infos.get(), i);
    if (info->x509 != nullptr && !only_revocations) {
      X509_STORE_add_cert(store, info->x509);
      ++added.certificates;
      if (authorities != nullptr) {
        X509_up_ref(info->x509);
        sk_X509_push(authorities, info->x509);
      }
    }
    if (info->crl != nullptr) {
      X509_STORE_add_crl(store, info->crl);
      ++added.revocations;
    }
  }
  ERR_clear_error();
  return added;
}

int pass_over_dates(int good, X509_STORE_CTX* context) {
  if (good) return 1;
  const int error = X509_STORE_CTX_get_error(context);
  return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID ? 1 : 0;
}

X509StorePtr new_store(const TlsTrustSpec& spec) {
  X509StorePtr store(X509_STORE_new());
  // An intermediate, or the peer's own certificate, may be what is trusted.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (spec.allow_expired) X509_STORE_set_verify_cb(store.get(), pass_over_dates);
  return store;
}

}  // namespace

TlsTrust::TlsTrust() : parsed_(std::make_unique<Parsed>()) {}
TlsTrust::~TlsTrust() = default;

bool TlsTrust::checks_chain() const { return parsed_->store != nullptr || !parsed_->trust_domains.empty(); }

bool TlsTrust::asks() const {
  return checks_chain() || !spec_.sans.empty() || !spec_.certificate_hashes.empty() || !spec_.key_hashes.empty();
}

bool TlsTrust::demands() const {
  if (!spec_.spiffe.empty()) return true;
  if (spec_.accept_untrusted) return false;
  return !spec_.sans.empty() || !spec_.certificate_hashes.empty() || !spec_.key_hashes.empty();
}

std::expected<TlsTrustPtr, TlsTrust::Problem> TlsTrust::load(TlsTrustSpec spec) {
  std::shared_ptr<TlsTrust> trust(new TlsTrust());
  trust->spec_ = std::move(spec);
  TlsTrustSpec& kept = trust->spec_;
  Parsed& parsed = *trust->parsed_;
  parsed.authorities.reset(sk_X509_new_null());

  if (!kept.spiffe.empty()) {
    for (const TlsTrustSpec::TrustDomain& domain : kept.spiffe) {
      X509StorePtr store = new_store(kept);
      if (add_pem(store.get(), domain.bundle, parsed.authorities.get(), false).certificates == 0) {
        return problem("custom_validator_config", "no certificate can be read from the bundle of trust domain " + domain.name);
      }
      parsed.trust_domains.emplace_back(domain.name, std::move(store));
    }
  } else if (!kept.trusted_ca.empty() || kept.system_roots) {
    parsed.store = new_store(kept);
    if (kept.trusted_ca.empty()) {
      X509_STORE_set_default_paths(parsed.store.get());
    } else {
      const Added added = add_pem(parsed.store.get(), kept.trusted_ca, parsed.authorities.get(), false);
      if (added.certificates == 0) {
        return problem("trusted_ca", "no certificate can be read from " + kept.trusted_ca_name);
      }
      if (added.revocations != 0) X509_STORE_set_flags(parsed.store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
  }
  if (!kept.crl.empty() && parsed.store != nullptr) {
    // As in Envoy, a text without a list in it is no error; but then nobody passes, for each authority needs a list.
    add_pem(parsed.store.get(), kept.crl, nullptr, true);
    X509_STORE_set_flags(parsed.store.get(), X509_V_FLAG_CRL_CHECK | (kept.only_leaf_crl ? 0 : X509_V_FLAG_CRL_CHECK_ALL));
  }
  for (int i = 0; i < sk_X509_num(parsed.authorities.get()); ++i) {
    trust->authorities_.push_back(facts_of(sk_X509_value(parsed.authorities.get(), i)));
  }
  // The texts live on as objects.
  kept.trusted_ca = std::string();
  kept.crl = std::string();
  for (TlsTrustSpec::TrustDomain& domain : kept.spiffe) domain.bundle = std::string();
  ERR_clear_error();
  return trust;
}

}  // namespace weir::net
