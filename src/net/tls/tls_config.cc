#include "net/tls/tls_config.h"

#include <algorithm>

#include "config/data_source.h"
#include "config/schema.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "net/cidr_config.h"
#include "net/tls/certificate.h"
#include "net/tls/key_reader.h"

namespace weir::net {

namespace core = envoy::config::core::v3;
namespace v3 = envoy::extensions::transport_sockets::tls::v3;
using config::FieldPath;

namespace {

constexpr size_t kMaxSource = 16 * 1024 * 1024;
constexpr size_t kTicketKeySize = 80;

/// "01:ab:…" or "01ab…", 32 bytes; "" if it is neither.
std::string read_hash(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.size() == 95 && i % 3 == 2) {
      if (text[i] != ':') return {};
    } else {
      digits += text[i];
    }
  }
  std::string bytes;
  const auto value = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
  };
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    if (value(digits[i]) < 0 || value(digits[i + 1]) < 0) return {};
    bytes += static_cast<char>(value(digits[i]) << 4 | value(digits[i + 1]));
  }
  return bytes.size() == 32 ? bytes : "";
}

/// Base64 of 32 bytes; "" if it is not.
std::string read_base64(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+') value = 62;
    if (c == '/') value = 63;
    if (value < 0) return {};
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8));
  }
  return bytes.size() == 32 ? bytes : "";
}

struct Text {
  std::string content;
  std::string name;  // of the file, or what kind of source it was
};

class Reader {
 public:
  Reader(TlsConfigContext& context, config::Diagnostics& diagnostics) : context_(context), diagnostics_(diagnostics) {}

  bool good() const { return good_; }
  bool waiting() const { return waiting_; }

  void wrong(const FieldPath& at, std::string message, std::string hint = "") {
    diagnostics_.error({{}, at.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  Text text(const core::DataSource& source, const FieldPath& at) {
    const size_t errors = diagnostics_.errors().size();
    Text result;
    result.content = config::read_data_source(source, kMaxSource, at, diagnostics_);
    if (diagnostics_.errors().size() != errors) good_ = false;
    result.name = source.has_filename()               ? source.filename()
                  : source.has_environment_variable() ? "the variable " + source.environment_variable()
                                                      : "<inline>";
    return result;
  }

  // --- certificates ---

  TlsIdentityPtr identity(const v3::TlsCertificate& from, const FieldPath& at) {
    TlsCertificateSpec spec;
    const auto take = [&](std::string_view field, const core::DataSource& source, std::string& content, std::string* name) {
      Text read = text(source, FieldPath{&at, field});
      content = std::move(read.content);
      if (name != nullptr) *name = std::move(read.name);
    };
    if (from.has_pkcs12()) {
      if (from.has_certificate_chain() || from.has_private_key()) {
        wrong(FieldPath{&at, "pkcs12"}, "a certificate is given either as pkcs12 or as certificate_chain and private_key");
        return nullptr;
      }
      take("pkcs12", from.pkcs12(), spec.pkcs12, &spec.chain_name);
    } else {
      take("certificate_chain", from.certificate_chain(), spec.chain, &spec.chain_name);
      take("private_key", from.private_key(), spec.key, &spec.key_name);
    }
    take("password", from.password(), spec.password, nullptr);
    if (from.has_ocsp_staple()) {
      if (from.ocsp_staple().has_inline_string()) {
        wrong(FieldPath{&at, "ocsp_staple"}, "an OCSP response is not text", "give filename or inline_bytes");
        return nullptr;
      }
      take("ocsp_staple", from.ocsp_staple(), spec.ocsp_staple, &spec.ocsp_staple_name);
    }
    if (!good_) return nullptr;
    if (spec.pkcs12.empty() && (spec.chain.empty() || spec.key.empty())) {
      wrong(at, "a certificate needs a certificate_chain and a private_key",
            spec.chain.empty() ? "the certificate_chain is empty" : "the private_key is empty");
      return nullptr;
    }
    const std::string content = spec.chain + '\0' + spec.key + '\0' + spec.pkcs12 + '\0' + spec.password + '\0' +
                                spec.chain_name + '\0' + spec.ocsp_staple;
    if (TlsIdentityPtr known = context_.identities.find(content)) return known;
    if (context_.keys == nullptr) context_.keys = std::make_shared<KeyReader>();
    auto loaded = TlsIdentity::load(spec, *context_.keys);
    if (!loaded) {
      wrong(FieldPath{&at, loaded.error().field}, loaded.error().message);
      return nullptr;
    }
    context_.identities.add(content, *loaded);
    return *loaded;
  }

  // --- validation ---

  TlsTrustPtr trust(const v3::CertificateValidationContext& from, const FieldPath& at) {
    TlsTrustSpec spec;
    std::string content;
    {
      v3::CertificateValidationContext rest = from;
      rest.clear_trusted_ca();
      rest.clear_crl();
      rest.SerializeToString(&content);
    }
    if (from.has_trusted_ca()) {
      Text ca = text(from.trusted_ca(), FieldPath{&at, "trusted_ca"});
      if (good_ && ca.content.empty()) wrong(FieldPath{&at, "trusted_ca"}, "there is nothing in " + ca.name);
      content += '\0' + ca.content + '\0' + ca.name;
      spec.trusted_ca = std::move(ca.content);
      spec.trusted_ca_name = std::move(ca.name);
    }
    spec.system_roots = from.has_system_root_certs();
    if (from.has_crl()) {
      Text crl = text(from.crl(), FieldPath{&at, "crl"});
      content += '\1' + crl.content;
      spec.crl = std::move(crl.content);
      spec.crl_name = std::move(crl.name);
    }
    spec.only_leaf_crl = from.only_verify_leaf_cert_crl();
    spec.allow_expired = from.allow_expired_certificate();
    spec.accept_untrusted = from.trust_chain_verification() == v3::CertificateValidationContext::ACCEPT_UNTRUSTED;
    if (from.has_max_verify_depth()) spec.max_depth = from.max_verify_depth().value();
    hashes(from, at, spec);
    sans(from, at, spec);
    spiffe(from, at, spec, content);
    const bool checks = !spec.trusted_ca.empty() || spec.system_roots || !spec.spiffe.empty();
    if (!checks && good_) {
      if (!spec.crl.empty()) wrong(FieldPath{&at, "crl"}, "revocations say nothing without a trusted_ca", "give trusted_ca");
      if (!spec.sans.empty()) {
        wrong(FieldPath{&at, "match_typed_subject_alt_names"}, "without a trusted_ca anybody can put any name into a certificate",
              "give trusted_ca");
      }
      if (spec.allow_expired) {
        wrong(FieldPath{&at, "allow_expired_certificate"}, "without a trusted_ca no dates are checked anyway", "give trusted_ca");
      }
    }
    if (!good_) return nullptr;
    if (TlsTrustPtr known = context_.trusts.find(content)) return known;
    auto loaded = TlsTrust::load(std::move(spec));
    if (!loaded) {
      wrong(FieldPath{&at, loaded.error().field}, loaded.error().message);
      return nullptr;
    }
    context_.trusts.add(content, *loaded);
    return *loaded;
  }

  void hashes(const v3::CertificateValidationContext& from, const FieldPath& at, TlsTrustSpec& spec) {
    const FieldPath hash_list{&at, "verify_certificate_hash"}, key_list{&at, "verify_certificate_spki"};
    for (int i = 0; i < from.verify_certificate_hash_size(); ++i) {
      spec.certificate_hashes.push_back(read_hash(from.verify_certificate_hash(i)));
      if (spec.certificate_hashes.back().empty()) {
        wrong(FieldPath{&hash_list, {}, i}, "is not a SHA-256 fingerprint",
              "write 64 hexadecimal digits, with or without colons between the bytes");
      }
    }
    for (int i = 0; i < from.verify_certificate_spki_size(); ++i) {
      spec.key_hashes.push_back(read_base64(from.verify_certificate_spki(i)));
      if (spec.key_hashes.back().empty()) wrong(FieldPath{&key_list, {}, i}, "is not the Base64 of a SHA-256 hash");
    }
  }

  void sans(const v3::CertificateValidationContext& from, const FieldPath& at, TlsTrustSpec& spec) {
    const FieldPath list{&at, "match_typed_subject_alt_names"}, old_list{&at, "match_subject_alt_names"};
    for (int i = 0; i < from.match_typed_subject_alt_names_size(); ++i) {
      const v3::SubjectAltNameMatcher& each = from.match_typed_subject_alt_names(i);
      const FieldPath item{&list, {}, i};
      switch (each.san_type()) {
        case v3::SubjectAltNameMatcher::EMAIL:
          san(SanMatcher::Type::kEmail, each.matcher(), item, spec);
          break;
        case v3::SubjectAltNameMatcher::URI:
          san(SanMatcher::Type::kUri, each.matcher(), item, spec);
          break;
        case v3::SubjectAltNameMatcher::IP_ADDRESS:
          san(SanMatcher::Type::kIp, each.matcher(), item, spec);
          break;
        case v3::SubjectAltNameMatcher::OTHER_NAME:
          san(SanMatcher::Type::kOtherName, each.matcher(), item, spec);
          spec.sans.back().oid = each.oid();
          if (!is_oid(each.oid()))
            wrong(FieldPath{&item, "oid"}, "an other name needs the OID of its type, such as 1.3.6.1.4.1.311.20.2.3");
          break;
        default:
          san(SanMatcher::Type::kDns, each.matcher(), item, spec);
      }
    }
    // The old form means all four types of names; Envoy ignores it if the new one is given.
    if (from.match_typed_subject_alt_names_size() > 0) return;
    for (int i = 0; i < from.match_subject_alt_names_size(); ++i) {
      const FieldPath item{&old_list, {}, i};
      for (const auto type : {SanMatcher::Type::kDns, SanMatcher::Type::kUri, SanMatcher::Type::kEmail, SanMatcher::Type::kIp}) {
        san(type, from.match_subject_alt_names(i), item, spec);
      }
    }
  }

  void san(SanMatcher::Type type, const envoy::type::matcher::v3::StringMatcher& from, const FieldPath& at, TlsTrustSpec& spec) {
    const size_t errors = diagnostics_.errors().size();
    SanMatcher& matcher = spec.sans.emplace_back();
    matcher.type = type;
    matcher.matches = context_.read_matcher(from, FieldPath{&at, "matcher"}, diagnostics_);
    if (type == SanMatcher::Type::kDns && from.has_exact()) matcher.exact = from.exact();
    if (diagnostics_.errors().size() != errors) good_ = false;
  }

  void spiffe(const v3::CertificateValidationContext& from, const FieldPath& at, TlsTrustSpec& spec, std::string& content) {
    if (!from.has_custom_validator_config()) return;
    const FieldPath field{&at, "custom_validator_config"}, path{&field, "typed_config"}, list{&path, "trust_domains"};
    v3::SPIFFECertValidatorConfig config;
    if (from.custom_validator_config().name() != "envoy.tls.cert_validator.spiffe" ||
        !from.custom_validator_config().typed_config().UnpackTo(&config)) {
      return wrong(path, "only envoy.tls.cert_validator.spiffe is implemented");
    }
    for (int i = 0; i < config.trust_domains_size(); ++i) {
      const FieldPath item{&list, {}, i};
      const auto& domain = config.trust_domains(i);
      const bool twice = std::ranges::any_of(spec.spiffe, [&](const auto& other) { return other.name == domain.name(); });
      if (twice) wrong(FieldPath{&item, "name"}, "the trust domain " + config::quoted(domain.name()) + " is given twice");
      Text bundle = text(domain.trust_bundle(), FieldPath{&item, "trust_bundle"});
      content += '\2' + bundle.content;
      spec.spiffe.push_back({domain.name(), std::move(bundle.content)});
    }
  }

  // --- what both sides have ---

  const v3::Secret* secret(const v3::SdsSecretConfig& config) {
    const v3::Secret* found = context_.find_secret ? context_.find_secret(config) : nullptr;
    if (found == nullptr) waiting_ = true;
    return found;
  }

  /// A client that `may_show_nothing` can be given an empty certificate.
  void common(const v3::CommonTlsContext& from, const FieldPath& at, TlsCommonSpec& spec, bool may_show_nothing) {
    parameters(from.tls_params(), spec);
    const FieldPath alpn{&at, "alpn_protocols"}, list{&at, "tls_certificates"},
        secrets{&at, "tls_certificate_sds_secret_configs"};
    for (int i = 0; i < from.alpn_protocols_size(); ++i) {
      // As in Envoy, one entry may name several.
      std::string_view left = from.alpn_protocols(i);
      while (!left.empty()) {
        const size_t comma = left.find(',');
        const std::string_view one = left.substr(0, comma);
        left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
        if (one.empty() || one.size() > 255) wrong(FieldPath{&alpn, {}, i}, "a protocol's name has 1 to 255 bytes");
        spec.alpn.emplace_back(one);
      }
    }
    const auto add = [&](TlsIdentityPtr identity, const std::string& secret = "") {
      if (identity == nullptr) return;
      spec.identities.push_back(std::move(identity));
      spec.identity_secrets.push_back(secret);
    };
    for (int i = 0; i < from.tls_certificates_size(); ++i) {
      const bool nothing = from.tls_certificates(i).ByteSizeLong() == 0;
      if (nothing && may_show_nothing) continue;
      add(identity(from.tls_certificates(i), FieldPath{&list, {}, i}));
    }
    if (from.tls_certificates().empty()) {
      for (int i = 0; i < from.tls_certificate_sds_secret_configs_size(); ++i) {
        const v3::Secret* found = secret(from.tls_certificate_sds_secret_configs(i));
        if (found != nullptr) add(identity(found->tls_certificate(), FieldPath{&secrets, {}, i}), found->name());
      }
    }
    spec.key_log = from.key_log().path();
    const FieldPath log{&at, "key_log"};
    good_ &= read_cidrs(from.key_log().local_address_range(), FieldPath{&log, "local_address_range"}, diagnostics_,
                        spec.key_log_local);
    good_ &= read_cidrs(from.key_log().remote_address_range(), FieldPath{&log, "remote_address_range"}, diagnostics_,
                        spec.key_log_remote);
    validation(from, at, spec);
  }

  void validation(const v3::CommonTlsContext& from, const FieldPath& at, TlsCommonSpec& spec) {
    switch (from.validation_context_type_case()) {
      case v3::CommonTlsContext::kValidationContext:
        spec.trust = trust(from.validation_context(), FieldPath{&at, "validation_context"});
        break;
      case v3::CommonTlsContext::kValidationContextSdsSecretConfig: {
        const v3::Secret* found = secret(from.validation_context_sds_secret_config());
        if (found != nullptr) {
          spec.trust = trust(found->validation_context(), FieldPath{&at, "validation_context_sds_secret_config"});
          spec.trust_secret = found->name();
        }
        break;
      }
      case v3::CommonTlsContext::kCombinedValidationContext: {
        const auto& combined = from.combined_validation_context();
        const v3::Secret* found = secret(combined.validation_context_sds_secret_config());
        if (found == nullptr) break;
        v3::CertificateValidationContext merged = combined.default_validation_context();
        merged.MergeFrom(found->validation_context());
        spec.trust = trust(merged, FieldPath{&at, "combined_validation_context"});
        spec.trust_secret = found->name();
        break;
      }
      default:
        break;
    }
  }

  static void parameters(const v3::TlsParameters& from, TlsCommonSpec& spec) {
    spec.min_version = static_cast<TlsVersion>(from.tls_minimum_protocol_version());
    spec.max_version = static_cast<TlsVersion>(from.tls_maximum_protocol_version());
    spec.ciphers.assign(from.cipher_suites().begin(), from.cipher_suites().end());
    spec.curves.assign(from.ecdh_curves().begin(), from.ecdh_curves().end());
    spec.signatures.assign(from.signature_algorithms().begin(), from.signature_algorithms().end());
  }

  void ticket_keys(const v3::TlsSessionTicketKeys& from, const FieldPath& at, TlsServerSpec& spec) {
    const FieldPath list{&at, "keys"};
    for (int i = 0; i < from.keys_size(); ++i) {
      Text key = text(from.keys(i), FieldPath{&list, {}, i});
      if (good_ && key.content.size() != kTicketKeySize) {
        wrong(FieldPath{&list, {}, i}, "a session ticket key has 80 bytes, not " + std::to_string(key.content.size()));
      }
      spec.ticket_keys.push_back(std::move(key.content));
    }
  }

 private:
  TlsConfigContext& context_;
  config::Diagnostics& diagnostics_;
  bool good_ = true;
  bool waiting_ = false;
};

/// The message without what was already turned into shared objects, and these objects: equal for equal contexts.
template <class Message>
std::string content_of(Message message, const TlsCommonSpec& spec, const std::vector<std::string>& more) {
  auto& common = *message.mutable_common_tls_context();
  common.clear_tls_certificates();
  common.clear_tls_certificate_sds_secret_configs();
  common.clear_validation_context_type();
  std::string content;
  message.SerializeToString(&content);
  for (const TlsIdentityPtr& identity : spec.identities)
    content += '\n' + std::to_string(reinterpret_cast<uintptr_t>(identity.get()));
  content += '\r' + std::to_string(reinterpret_cast<uintptr_t>(spec.trust.get()));
  for (const std::string& each : spec.identity_secrets) content += '\n' + each;
  content += '\r' + spec.trust_secret;
  for (const std::string& each : more) content += '\0' + each;
  return Message::descriptor()->name() + content;
}

void add_secrets(const v3::CommonTlsContext& from, std::vector<const v3::SdsSecretConfig*>& result) {
  if (from.tls_certificates().empty()) {
    for (const v3::SdsSecretConfig& each : from.tls_certificate_sds_secret_configs()) result.push_back(&each);
  }
  if (from.has_validation_context_sds_secret_config()) result.push_back(&from.validation_context_sds_secret_config());
  if (from.has_combined_validation_context()) {
    result.push_back(&from.combined_validation_context().validation_context_sds_secret_config());
  }
}

TlsServerSpec::Staple staple_policy(v3::DownstreamTlsContext::OcspStaplePolicy policy) {
  switch (policy) {
    case v3::DownstreamTlsContext::STRICT_STAPLING:
      return TlsServerSpec::Staple::kStrict;
    case v3::DownstreamTlsContext::MUST_STAPLE:
      return TlsServerSpec::Staple::kMust;
    default:
      return TlsServerSpec::Staple::kLenient;
  }
}

}  // namespace

TlsContextPtr read_server_tls(const v3::DownstreamTlsContext& from, const std::vector<std::string>& server_names,
                              const FieldPath& at, TlsConfigContext& context, config::Diagnostics& diagnostics) {
  Reader reader(context, diagnostics);
  TlsServerSpec spec;
  const FieldPath common{&at, "common_tls_context"};
  reader.common(from.common_tls_context(), common, spec, false);
  if (from.common_tls_context().tls_certificates().empty() &&
      from.common_tls_context().tls_certificate_sds_secret_configs().empty()) {
    reader.wrong(FieldPath{&common, "tls_certificates"}, "a server needs a certificate");
  }
  spec.staple = staple_policy(from.ocsp_staple_policy());
  for (const TlsIdentityPtr& each : spec.identities) {
    if (each == nullptr || each->staple() != nullptr) continue;
    if (each->needs_staple()) {
      reader.wrong(common, "the certificate in " + each->name() + " says that it must be stapled, and there is no ocsp_staple");
    } else if (spec.staple == TlsServerSpec::Staple::kMust) {
      reader.wrong(common, "MUST_STAPLE, and there is no ocsp_staple for the certificate in " + each->name());
    }
  }
  spec.require_client_certificate = from.require_client_certificate().value();
  spec.full_scan_on_sni_mismatch = from.full_scan_certs_on_sni_mismatch().value();
  spec.tickets = !from.disable_stateless_session_resumption();
  spec.stateful_sessions = !from.disable_stateful_session_resumption();
  std::vector<std::string> more = server_names;
  if (from.has_session_ticket_keys()) {
    reader.ticket_keys(from.session_ticket_keys(), FieldPath{&at, "session_ticket_keys"}, spec);
  } else if (from.has_session_ticket_keys_sds_secret_config()) {
    const v3::Secret* found = reader.secret(from.session_ticket_keys_sds_secret_config());
    if (found != nullptr) {
      reader.ticket_keys(found->session_ticket_keys(), FieldPath{&at, "session_ticket_keys_sds_secret_config"}, spec);
    }
  }
  more.insert(more.end(), spec.ticket_keys.begin(), spec.ticket_keys.end());
  if (from.has_session_timeout()) spec.session_timeout_s = static_cast<uint64_t>(from.session_timeout().seconds());
  spec.chain_server_names = server_names;
  if (!reader.good() || reader.waiting()) return nullptr;

  const std::string content = content_of(from, spec, more);
  if (TlsContextPtr known = context.contexts.find(content)) return known;
  auto made = TlsContext::server(std::move(spec));
  if (!made) {
    const FieldPath parameters{&common, "tls_params"};
    reader.wrong(FieldPath{&parameters, made.error().field}, made.error().message);
    return nullptr;
  }
  context.contexts.add(content, *made);
  return *made;
}

TlsContextPtr read_client_tls(const v3::UpstreamTlsContext& from, const FieldPath& at, TlsConfigContext& context,
                              config::Diagnostics& diagnostics) {
  Reader reader(context, diagnostics);
  TlsClientSpec spec;
  const FieldPath common{&at, "common_tls_context"};
  reader.common(from.common_tls_context(), common, spec, true);
  if (from.common_tls_context().tls_certificates_size() > 1) {
    reader.wrong(FieldPath{&common, "tls_certificates"}, "a client can show only one certificate");
  }
  if (from.sni().find('\0') != std::string::npos) reader.wrong(FieldPath{&at, "sni"}, "a name cannot hold a NUL byte");
  spec.sni = from.sni();
  spec.auto_host_sni = from.auto_host_sni();
  spec.auto_sni_san_validation = from.auto_sni_san_validation();
  spec.allow_renegotiation = from.allow_renegotiation();
  spec.enforce_rsa_key_usage = from.enforce_rsa_key_usage().value();
  if (spec.auto_sni_san_validation && reader.good() && !reader.waiting() && spec.trust == nullptr) {
    reader.wrong(FieldPath{&at, "auto_sni_san_validation"}, "names say nothing as long as nobody's certificates are believed",
                 "give a validation_context with a trusted_ca");
  }
  if (from.has_max_session_keys()) spec.max_sessions = from.max_session_keys().value();
  if (!reader.good() || reader.waiting()) return nullptr;

  const std::string content = content_of(from, spec, {});
  if (TlsContextPtr known = context.contexts.find(content)) return known;
  auto made = TlsContext::client(std::move(spec));
  if (!made) {
    const FieldPath parameters{&common, "tls_params"};
    reader.wrong(FieldPath{&parameters, made.error().field}, made.error().message);
    return nullptr;
  }
  context.contexts.add(content, *made);
  return *made;
}

std::vector<const v3::SdsSecretConfig*> secrets_of(const v3::DownstreamTlsContext& message) {
  std::vector<const v3::SdsSecretConfig*> result;
  add_secrets(message.common_tls_context(), result);
  if (message.has_session_ticket_keys_sds_secret_config()) result.push_back(&message.session_ticket_keys_sds_secret_config());
  return result;
}

std::vector<const v3::SdsSecretConfig*> secrets_of(const v3::UpstreamTlsContext& message) {
  std::vector<const v3::SdsSecretConfig*> result;
  add_secrets(message.common_tls_context(), result);
  return result;
}

bool check_secret(const v3::Secret& secret, const FieldPath& at, TlsConfigContext& context, config::Diagnostics& diagnostics) {
  Reader reader(context, diagnostics);
  TlsServerSpec unused;
  switch (secret.type_case()) {
    case v3::Secret::kTlsCertificate:
      reader.identity(secret.tls_certificate(), FieldPath{&at, "tls_certificate"});
      break;
    case v3::Secret::kValidationContext:
      break;  // it may be only half of one: the other half stands where it is used
    case v3::Secret::kSessionTicketKeys:
      reader.ticket_keys(secret.session_ticket_keys(), FieldPath{&at, "session_ticket_keys"}, unused);
      break;
    default:
      break;
  }
  return reader.good();
}

void declare_tls(config::SupportTable& table) {
  table.extension<v3::DownstreamTlsContext>("envoy.transport_sockets.downstream", "envoy.transport_sockets.tls")
      .fields({"common_tls_context", "require_client_certificate", "session_ticket_keys", "session_ticket_keys_sds_secret_config",
               "disable_stateless_session_resumption", "disable_stateful_session_resumption", "session_timeout",
               "full_scan_certs_on_sni_mismatch", "ocsp_staple_policy"})
      .harmless({"require_sni"});  // Envoy does not implement it either
  table.extension<v3::UpstreamTlsContext>("envoy.transport_sockets.upstream", "envoy.transport_sockets.tls")
      .fields({"common_tls_context", "sni", "max_session_keys", "allow_renegotiation", "enforce_rsa_key_usage", "auto_host_sni",
               "auto_sni_san_validation"});
  table.message<v3::CommonTlsContext>().fields({"tls_params", "tls_certificates", "tls_certificate_sds_secret_configs",
                                                "validation_context", "validation_context_sds_secret_config",
                                                "combined_validation_context", "alpn_protocols", "key_log"});
  table.message<v3::TlsKeyLog>().all_fields();
  table.message<v3::CommonTlsContext::CombinedCertificateValidationContext>().fields(
      {"default_validation_context", "validation_context_sds_secret_config"});
  table.message<v3::TlsParameters>().fields(
      {"tls_minimum_protocol_version", "tls_maximum_protocol_version", "cipher_suites", "ecdh_curves", "signature_algorithms"});
  table.message<v3::TlsCertificate>().fields(
      {"certificate_chain", "private_key", "pkcs12", "password", "watched_directory", "ocsp_staple"});
  table.message<v3::TlsSessionTicketKeys>().all_fields();
  table.message<v3::SubjectAltNameMatcher>().all_fields();
  table.message<v3::CertificateValidationContext>()
      .fields({"trusted_ca", "system_root_certs", "watched_directory", "verify_certificate_spki", "verify_certificate_hash",
               "match_typed_subject_alt_names", "match_subject_alt_names", "crl", "allow_expired_certificate",
               "trust_chain_verification", "only_verify_leaf_cert_crl", "max_verify_depth"})
      .extensions("custom_validator_config", "envoy.tls.cert_validator");
  table.message<v3::CertificateValidationContext::SystemRootCerts>();
  table.extension<v3::SPIFFECertValidatorConfig>("envoy.tls.cert_validator", "envoy.tls.cert_validator.spiffe").all_fields();
  table.message<v3::SPIFFECertValidatorConfig::TrustDomain>().all_fields();
  table.message<v3::SdsSecretConfig>().all_fields();
  // Nothing that takes a generic secret is implemented; one that nobody takes does no harm.
  table.message<v3::Secret>().fields({"name", "tls_certificate", "session_ticket_keys", "validation_context", "generic_secret"});
  table.message<v3::GenericSecret>().all_fields();
  table.message<core::DataSource>().fields({"filename", "inline_bytes", "inline_string", "environment_variable"});
}

}  // namespace weir::net
