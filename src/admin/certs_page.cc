// /certs: the certificates in use, ours and those of the authorities that we believe.
#include <google/protobuf/util/time_util.h>

#include "admin/catalog.h"
#include "admin/message_json.h"
#include "base/clock.h"
#include "envoy/admin/v3/certs.pb.h"
#include "net/tls/tls_config.h"

namespace weir::admin {

namespace {

constexpr int64_t kSecondsPerDay = 86400;

void fill(const net::CertificateFacts& facts, const std::string& path, envoy::admin::v3::CertificateDetails& into) {
  into.set_path(path);
  into.set_serial_number(facts.serial);
  for (const std::string& name : facts.dns_sans) into.add_subject_alt_names()->set_dns(name);
  for (const std::string& name : facts.uri_sans) into.add_subject_alt_names()->set_uri(name);
  for (const std::string& name : facts.ip_sans) into.add_subject_alt_names()->set_ip_address(name);
  const int64_t left_s = facts.valid_until_s - wall_now() / kNsPerSecond;
  into.set_days_until_expiration(left_s > 0 ? static_cast<uint64_t>(left_s / kSecondsPerDay) : 0);
  *into.mutable_valid_from() = google::protobuf::util::TimeUtil::SecondsToTimestamp(facts.valid_from_s);
  *into.mutable_expiration_time() = google::protobuf::util::TimeUtil::SecondsToTimestamp(facts.valid_until_s);
}

}  // namespace

Response certs_page(Site& site, const Request&) {
  envoy::admin::v3::Certificates page;
  if (const net::TlsConfigContext* tls = site.subject.tls()) {
    tls->contexts.for_each([&](const net::TlsContext& context) {
      auto& into = *page.add_certificates();
      const net::TlsCommonSpec& spec = context.common();
      if (spec.trust != nullptr) {
        for (const net::CertificateFacts& facts : spec.trust->authorities())
          fill(facts, spec.trust->spec().trusted_ca_name, *into.add_ca_cert());
      }
      for (const net::TlsIdentityPtr& identity : spec.identities) {
        envoy::admin::v3::CertificateDetails& details = *into.add_cert_chain();
        fill(*identity->facts(), identity->name(), details);
        if (const auto validity = identity->staple_validity()) {
          using google::protobuf::util::TimeUtil;
          *details.mutable_ocsp_details()->mutable_valid_from() = TimeUtil::SecondsToTimestamp(validity->from_s);
          *details.mutable_ocsp_details()->mutable_expiration() = TimeUtil::SecondsToTimestamp(validity->until_s);
        }
      }
    });
  }
  return Response::json(message_json(page, site.schema, {.always_print_primitives = true}));
}

}  // namespace weir::admin
