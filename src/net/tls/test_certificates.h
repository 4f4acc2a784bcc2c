// Certificates made on the spot, for tests.
#pragma once

#include <openssl/pem.h>

#include <string>
#include <string_view>

#include "net/tls/openssl.h"
#include "net/tls/tls_spec.h"

namespace weir::net {

/// A certificate with its key; signed by `issuer`, or by itself.
struct TestCertificate {
  X509Ptr certificate;
  PrivateKeyPtr key;

  TestCertificate(std::string_view name, const std::string& sans, const TestCertificate* issuer = nullptr)
      : certificate(X509_new()), key(EVP_EC_gen("P-256")) {
    static long serial = 1;
    X509* x = certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME* subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
    X509_set_issuer_name(x, issuer != nullptr ? X509_get_subject_name(issuer->certificate.get()) : subject);
    X509_set_pubkey(x, key.get());
    extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
    extend(NID_key_usage, issuer == nullptr ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!sans.empty()) extend(NID_subject_alt_name, sans.c_str());
    X509_sign(x, issuer != nullptr ? issuer->key.get() : key.get(), EVP_sha256());
  }

  std::string pem() const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    return bio_text(bio.get());
  }
  std::string key_pem() const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return bio_text(bio.get());
  }
  TlsCertificateSpec spec() const { return {.chain = pem(), .chain_name = "test", .key = key_pem(), .key_name = "test"}; }

 private:
  void extend(int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate.get(), certificate.get(), nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
};

}  // namespace weir::net
