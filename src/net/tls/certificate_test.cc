#include "net/tls/certificate.h"

#include <gtest/gtest.h>

#include "net/tls/test_certificates.h"

namespace weir::net {
namespace {

TEST(Certificate, OtherNamesOfAnySimpleTypeAreTextAsInEnvoy) {
  const std::pair<const char*, const char*> cases[] = {
      {"UTF8:u@d", "u@d"},   {"IA5STRING:ia5", "ia5"}, {"PRINTABLESTRING:p", "p"}, {"BMPSTRING:bm", "bm"},   {"INTEGER:-5", "-5"},
      {"ENUMERATED:7", "7"}, {"BOOLEAN:TRUE", "true"}, {"OID:1.2.3", "1.2.3"},     {"OCTETSTRING:oc", "oc"},
  };
  for (const auto& [given, text] : cases) {
    const TestCertificate made("name", "otherName:1.2.3;" + std::string(given));
    EXPECT_EQ(facts_of(made.certificate.get()).other_names, std::vector<std::string>{text}) << given;
    EXPECT_EQ(sans_of(made.certificate.get(), SanMatcher::Type::kOtherName, "1.2.3"), std::vector<std::string>{text}) << given;
    EXPECT_TRUE(sans_of(made.certificate.get(), SanMatcher::Type::kOtherName, "1.2.4").empty()) << given;
  }
}

TEST(Certificate, OtherNamesThatAreNoTextAreEmpty) {
  for (const char* given : {"NULL", "NUMERICSTRING:12 34"}) {
    const TestCertificate made("name", "otherName:1.2.3;" + std::string(given));
    for (const std::string& name : facts_of(made.certificate.get()).other_names) EXPECT_EQ(name, "") << given;
  }
}

}  // namespace
}  // namespace weir::net
