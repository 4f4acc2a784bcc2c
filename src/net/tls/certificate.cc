#include "net/tls/certificate.h"

#include <arpa/inet.h>
#include <openssl/pem.h>

#include <ctime>

#include "base/text.h"

namespace weir::net {

namespace {

constexpr char kHex[] = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    text += kHex[static_cast<uint8_t>(c) >> 4];
    text += kHex[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

std::string digest(X509* certificate, const EVP_MD* kind) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, kind, bytes, &size) != 1) return {};
  return {reinterpret_cast<char*>(bytes), size};
}

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  return bio_text(bio.get());
}

std::string asn1_text(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<size_t>(ASN1_STRING_length(text))};
}

std::string ip_text(const ASN1_OCTET_STRING* bytes) {
  char text[INET6_ADDRSTRLEN];
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(bytes) != 16) return {};
  return inet_ntop(family, ASN1_STRING_get0_data(bytes), text, sizeof text);
}

/// The value of an other name, whatever simple type it is of.
std::string other_name_text(const OTHERNAME* other) {
  const ASN1_TYPE* value = other->value;
  switch (value->type) {
    case V_ASN1_BOOLEAN:
      return value->value.boolean != 0 ? "true" : "false";
    case V_ASN1_NULL:
    case V_ASN1_UNDEF:
    case V_ASN1_SEQUENCE:
    case V_ASN1_SET:
    case V_ASN1_NUMERICSTRING:  // as in Envoy
      return {};
    case V_ASN1_INTEGER:
    case V_ASN1_ENUMERATED: {
      const std::unique_ptr<BIGNUM, OpenSslFree<BN_free>> number(value->type == V_ASN1_INTEGER
                                                                     ? ASN1_INTEGER_to_BN(value->value.integer, nullptr)
                                                                     : ASN1_ENUMERATED_to_BN(value->value.enumerated, nullptr));
      const TextPtr text(number == nullptr ? nullptr : BN_bn2dec(number.get()));
      return text == nullptr ? std::string() : text.get();
    }
    case V_ASN1_OBJECT: {
      char text[128];
      OBJ_obj2txt(text, sizeof text, value->value.object, 1);
      return text;
    }
    default: {
      unsigned char* utf8 = nullptr;
      const int size = ASN1_STRING_to_UTF8(&utf8, value->value.asn1_string);
      if (size < 0) return asn1_text(value->value.asn1_string);
      std::string text(reinterpret_cast<char*>(utf8), static_cast<size_t>(size));
      OPENSSL_free(utf8);
      return text;
    }
  }
}

int general_name_type(SanMatcher::Type type) {
  switch (type) {
    case SanMatcher::Type::kEmail:
      return GEN_EMAIL;
    case SanMatcher::Type::kDns:
      return GEN_DNS;
    case SanMatcher::Type::kUri:
      return GEN_URI;
    case SanMatcher::Type::kIp:
      return GEN_IPADD;
    case SanMatcher::Type::kOtherName:
      return GEN_OTHERNAME;
  }
  return GEN_DNS;
}

using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpenSslFree<GENERAL_NAMES_free>>;

NamesPtr alternative_names(X509* certificate) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

std::string common_name(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return asn1_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

}  // namespace

bool is_oid(std::string_view text) {
  const std::unique_ptr<ASN1_OBJECT, OpenSslFree<ASN1_OBJECT_free>> object(OBJ_txt2obj(std::string(text).c_str(), 1));
  ERR_clear_error();
  return object != nullptr;
}

int64_t unix_time(const ASN1_TIME* time) {
  tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

std::string fingerprint_256(X509* certificate) { return hex(raw_fingerprint(certificate)); }
std::string fingerprint_1(X509* certificate) { return hex(digest(certificate, EVP_sha1())); }
std::string raw_fingerprint(X509* certificate) { return digest(certificate, EVP_sha256()); }

std::string raw_key_hash(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  EVP_Digest(der, static_cast<size_t>(size), bytes, &count, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return {reinterpret_cast<char*>(bytes), count};
}

std::string serial_of(X509* certificate) {
  const std::unique_ptr<BIGNUM, OpenSslFree<BN_free>> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr) return {};
  const TextPtr text(BN_bn2hex(number.get()));
  return text == nullptr ? std::string() : lower(text.get());
}

std::string url_encoded_pem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  std::string encoded;
  for (const char c : bio_text(bio.get())) {
    switch (c) {
      case '\n':
        encoded += "%0A";
        break;
      case ' ':
        encoded += "%20";
        break;
      case '+':
        encoded += "%2B";
        break;
      case '/':
        encoded += "%2F";
        break;
      case '=':
        encoded += "%3D";
        break;
      default:
        encoded += c;
    }
  }
  return encoded;
}

std::vector<std::string> sans_of(X509* certificate, SanMatcher::Type type, std::string_view oid) {
  std::vector<std::string> result;
  const NamesPtr names = alternative_names(certificate);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != general_name_type(type)) continue;
    if (type == SanMatcher::Type::kIp) {
      result.push_back(ip_text(name->d.iPAddress));
    } else if (type == SanMatcher::Type::kOtherName) {
      char text[128];
      OBJ_obj2txt(text, sizeof text, name->d.otherName->type_id, 1);
      if (oid.empty() || oid == text) result.push_back(other_name_text(name->d.otherName));
    } else {
      result.push_back(asn1_text(name->d.ia5));
    }
  }
  return result;
}

std::vector<std::string> server_names_of(X509* certificate) {
  if (alternative_names(certificate) != nullptr) return sans_of(certificate, SanMatcher::Type::kDns);
  std::string name = common_name(certificate);
  if (name.empty()) return {};
  return {std::move(name)};
}

bool dns_name_covers(std::string_view pattern, std::string_view name) {
  if (iequals(pattern, name)) return true;
  if (!pattern.starts_with("*.") || pattern.size() < 3) return false;
  const size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && iequals(pattern.substr(1), name.substr(dot));
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  facts.subject = name_text(X509_get_subject_name(certificate));
  facts.issuer = name_text(X509_get_issuer_name(certificate));
  facts.serial = serial_of(certificate);
  facts.dns_sans = sans_of(certificate, SanMatcher::Type::kDns);
  facts.uri_sans = sans_of(certificate, SanMatcher::Type::kUri);
  facts.ip_sans = sans_of(certificate, SanMatcher::Type::kIp);
  facts.email_sans = sans_of(certificate, SanMatcher::Type::kEmail);
  facts.other_names = sans_of(certificate, SanMatcher::Type::kOtherName);
  facts.valid_from_s = unix_time(X509_get0_notBefore(certificate));
  facts.valid_until_s = unix_time(X509_get0_notAfter(certificate));
  facts.sha256 = fingerprint_256(certificate);
  facts.sha1 = fingerprint_1(certificate);
  return facts;
}

X509StackPtr read_certificates(std::string_view pem) {
  X509StackPtr stack(sk_X509_new_null());
  const BioPtr bio = bio_over(pem);
  while (X509* certificate = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)) sk_X509_push(stack.get(), certificate);
  const unsigned long error = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return X509StackPtr(sk_X509_new_null());
  return stack;
}

}  // namespace weir::net
