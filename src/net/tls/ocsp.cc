#include "net/tls/ocsp.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "net/tls/certificate.h"

namespace weir::net {

namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, OpenSslFree<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, OpenSslFree<OCSP_BASICRESP_free>>;

std::string der_of(const ASN1_INTEGER* number) {
  unsigned char* bytes = nullptr;
  const int size = i2d_ASN1_INTEGER(number, &bytes);
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size > 0 ? size : 0));
  OPENSSL_free(bytes);
  return der;
}

/// 0 where there is no time, or one that cannot be.
int64_t seconds_of(const ASN1_GENERALIZEDTIME* time) {
  tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

}  // namespace

std::expected<OcspStaple, std::string> OcspStaple::parse(std::string der) {
  const auto wrong = [](std::string what) {
    ERR_clear_error();
    return std::unexpected(std::move(what));
  };
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (response == nullptr) return wrong("is no OCSP response");
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) return wrong("is an OCSP response that failed");
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) return wrong("is an OCSP response without a body");
  if (OCSP_resp_count(basic.get()) != 1) return wrong("is an OCSP response about more than one certificate, or none");
  OCSP_SINGLERESP* single = OCSP_resp_get0(basic.get(), 0);
  OcspStaple staple;
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
  staple.serial_ = der_of(serial);
  ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr;
  OCSP_single_get0_status(single, nullptr, nullptr, &from, &until);
  staple.valid_from_s_ = seconds_of(from);
  staple.valid_until_s_ = seconds_of(until);
  staple.der_ = std::move(der);
  ERR_clear_error();
  return staple;
}

std::string OcspStaple::serial_of(X509* certificate) { return der_of(X509_get0_serialNumber(certificate)); }

bool must_be_stapled(X509* certificate) {
  const std::unique_ptr<TLS_FEATURE, OpenSslFree<TLS_FEATURE_free>> features(
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(certificate, NID_tlsfeature, nullptr, nullptr)));
  if (features == nullptr) return false;
  constexpr long kStatusRequest = 5;
  for (int i = 0; i < sk_ASN1_INTEGER_num(features.get()); ++i) {
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i)) == kStatusRequest) return true;
  }
  return false;
}

}  // namespace weir::net
