// What TLS contexts of a configuration become: shared where they are the same, refused with their place where they are wrong.
#include "net/tls/tls_config.h"

#include <gtest/gtest.h>

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "net/tls/test_certificates.h"

namespace weir::net {
namespace {

namespace v3 = envoy::extensions::transport_sockets::tls::v3;

class TlsConfig : public testing::Test {
 protected:
  TlsConfig() {
    context_.read_matcher = [](const auto&, const config::FieldPath&, config::Diagnostics&) {
      return [](std::string_view) { return true; };
    };
  }

  v3::DownstreamTlsContext server(const TestCertificate& from) {
    v3::DownstreamTlsContext message;
    v3::TlsCertificate& certificate = *message.mutable_common_tls_context()->add_tls_certificates();
    certificate.mutable_certificate_chain()->set_inline_string(from.pem());
    certificate.mutable_private_key()->set_inline_string(from.key_pem());
    return message;
  }
  TlsContextPtr read(const v3::DownstreamTlsContext& message, const std::vector<std::string>& server_names = {}) {
    diagnostics_ = {};
    return read_server_tls(message, server_names, config::FieldPath{nullptr, "tls"}, context_, diagnostics_);
  }
  /// Where the first error of a changed context is.
  template <class F>
  std::string place(F&& change) {
    v3::DownstreamTlsContext message = server(one_);
    change(message, *message.mutable_common_tls_context());
    EXPECT_EQ(read(message), nullptr);
    return diagnostics_.failed() ? diagnostics_.errors().front().path : "";
  }

  TestCertificate one_{"one", "DNS:one.test"}, other_{"other", "DNS:other.test"};
  TlsConfigContext context_;
  config::Diagnostics diagnostics_;
};

TEST_F(TlsConfig, EqualConfigurationsAreOneContextForAsLongAsSomebodyUsesIt) {
  const TlsContextPtr context = read(server(one_));
  ASSERT_NE(context, nullptr) << diagnostics_.text();
  EXPECT_EQ(read(server(one_)), context);
  EXPECT_NE(read(server(other_)), context);
  EXPECT_NE(read(server(one_), {"one.test"}), context);  // sessions are those of the names of a filter chain
  int alive = 0;
  context_.contexts.for_each([&](const TlsContext&) { ++alive; });
  EXPECT_EQ(alive, 1);
}

TEST_F(TlsConfig, DifferentContextsShareTheirCertificates) {
  v3::DownstreamTlsContext with_alpn = server(one_);
  with_alpn.mutable_common_tls_context()->add_alpn_protocols("h2");
  const TlsContextPtr plain = read(server(one_)), other = read(with_alpn);
  ASSERT_TRUE(plain != nullptr && other != nullptr && plain != other);
  EXPECT_EQ(plain->common().identities, other->common().identities);
}

TEST_F(TlsConfig, WhatIsWrongHasItsPlace) {
  using Context = v3::DownstreamTlsContext;
  using Common = v3::CommonTlsContext;
  const std::string common = "tls.common_tls_context", certificate = common + ".tls_certificates[0]";
  EXPECT_EQ(place([](Context&, Common& c) { c.clear_tls_certificates(); }), common + ".tls_certificates");
  EXPECT_EQ(place([](Context&, Common& c) {
              c.mutable_tls_certificates(0)->mutable_certificate_chain()->set_inline_string("-----BEGIN CERTIFICATE-----\nx");
            }),
            certificate + ".certificate_chain");
  EXPECT_EQ(place([this](Context&, Common& c) {
              c.mutable_tls_certificates(0)->mutable_private_key()->set_inline_string(other_.key_pem());
            }),
            certificate + ".private_key");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_validation_context()->mutable_trusted_ca()->set_inline_string("none"); }),
            common + ".validation_context.trusted_ca");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_validation_context()->mutable_crl()->set_inline_string("none"); }),
            common + ".validation_context.crl");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_validation_context()->add_verify_certificate_hash("00"); }),
            common + ".validation_context.verify_certificate_hash[0]");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_validation_context()->add_verify_certificate_spki("AAAA"); }),
            common + ".validation_context.verify_certificate_spki[0]");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_tls_params()->add_cipher_suites("NONE"); }),
            common + ".tls_params.cipher_suites");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_tls_params()->add_ecdh_curves("P-1"); }),
            common + ".tls_params.ecdh_curves");
  EXPECT_EQ(place([](Context&, Common& c) { c.mutable_tls_params()->add_signature_algorithms("none"); }),
            common + ".tls_params.signature_algorithms");
  EXPECT_EQ(place([](Context& t, Common&) { t.mutable_session_ticket_keys()->add_keys()->set_inline_string("short"); }),
            "tls.session_ticket_keys.keys[0]");
}

TEST_F(TlsConfig, AHashMayHaveColons) {
  v3::DownstreamTlsContext message = server(one_);
  std::string colons = "0A";
  for (int i = 1; i < 32; ++i) colons += ":0a";
  message.mutable_common_tls_context()->mutable_validation_context()->add_verify_certificate_hash(colons);
  EXPECT_NE(read(message), nullptr) << diagnostics_.text();
}

TEST_F(TlsConfig, AContextWaitsForItsSecretWithoutAnError) {
  v3::Secret secret;
  *secret.mutable_tls_certificate() = server(one_).common_tls_context().tls_certificates(0);
  bool there = false;
  context_.find_secret = [&](const v3::SdsSecretConfig&) { return there ? &secret : nullptr; };
  v3::DownstreamTlsContext message;
  message.mutable_common_tls_context()->add_tls_certificate_sds_secret_configs()->set_name("s");
  EXPECT_EQ(secrets_of(message).size(), 1u);
  EXPECT_EQ(read(message), nullptr);
  EXPECT_FALSE(diagnostics_.failed());
  there = true;
  EXPECT_NE(read(message), nullptr) << diagnostics_.text();
}

}  // namespace
}  // namespace weir::net
