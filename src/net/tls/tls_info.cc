#include "net/tls/tls_info.h"

#include <algorithm>

#include "net/tls/certificate.h"

namespace weir::net {

namespace {

X509* certificate(void* pointer) { return static_cast<X509*>(pointer); }
STACK_OF(X509) * chain(void* pointer) { return static_cast<STACK_OF(X509)*>(pointer); }

template <class F>
std::vector<std::string> of_each(void* stack, void* own, F&& f) {
  std::vector<std::string> result;
  if (own == nullptr) return result;
  for (int i = 0; i < sk_X509_num(chain(stack)); ++i) result.push_back(f(sk_X509_value(chain(stack), i)));
  if (result.empty()) result.push_back(f(certificate(own)));
  return result;
}

const CertificateFacts kNobody;

}  // namespace

TlsInfo::TlsInfo() = default;

TlsInfo::~TlsInfo() {
  X509_free(certificate(peer_certificate_));
  free_certificates(chain(peer_chain_));
}

const CertificateFacts& TlsInfo::peer() const {
  if (peer_certificate_ == nullptr) return kNobody;
  if (peer_facts_ == nullptr) peer_facts_ = std::make_unique<CertificateFacts>(facts_of(certificate(peer_certificate_)));
  return *peer_facts_;
}

bool TlsInfo::peer_has(const SanMatcher& wanted) const {
  using Type = SanMatcher::Type;
  const auto any = [&](const std::vector<std::string>& names) {
    return std::ranges::any_of(names, [&](const std::string& name) {
      return wanted.type == Type::kDns && wanted.exact ? dns_name_covers(name, *wanted.exact) : wanted.matches(name);
    });
  };
  if (peer_certificate_ == nullptr) return false;
  switch (wanted.type) {
    case Type::kEmail:
      return any(peer().email_sans);
    case Type::kDns:
      return any(peer().dns_sans);
    case Type::kUri:
      return any(peer().uri_sans);
    case Type::kIp:
      return any(peer().ip_sans);
    case Type::kOtherName:
      return any(sans_of(certificate(peer_certificate_), Type::kOtherName, wanted.oid));
  }
  return false;
}

const CertificateFacts& TlsInfo::local() const { return local_ != nullptr ? *local_ : kNobody; }

const std::string& TlsInfo::peer_pem() const {
  if (peer_pem_.empty() && peer_certificate_ != nullptr) peer_pem_ = url_encoded_pem(certificate(peer_certificate_));
  return peer_pem_;
}

const std::string& TlsInfo::peer_chain_pem() const {
  if (peer_chain_pem_.empty() && peer_certificate_ != nullptr) {
    for (const std::string& pem : of_each(peer_chain_, peer_certificate_, url_encoded_pem)) peer_chain_pem_ += pem;
  }
  return peer_chain_pem_;
}

std::vector<std::string> TlsInfo::chain_fingerprints_256() const {
  return of_each(peer_chain_, peer_certificate_, fingerprint_256);
}
std::vector<std::string> TlsInfo::chain_fingerprints_1() const { return of_each(peer_chain_, peer_certificate_, fingerprint_1); }
std::vector<std::string> TlsInfo::chain_serials() const { return of_each(peer_chain_, peer_certificate_, serial_of); }

}  // namespace weir::net
