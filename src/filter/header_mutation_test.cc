#include "filter/header_mutation.h"

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "filter/test_exchange.h"

namespace weir::filter {
namespace {

using route::AppendAction;
using route::HeaderChange;

HeaderChange set(std::string_view name, std::string_view value, AppendAction action = AppendAction::kAppendIfExistsOrAdd) {
  return {http::HeaderName(name), *format::Formatter::compile(value, {.omit_empty_values = true}), action};
}
HeaderChange remove(std::string_view name) { return {http::HeaderName(name), std::nullopt}; }

void run(TestExchange& exchange, HeaderMutationSpec spec) {
  exchange.factory = make_header_mutation(std::move(spec));
  Filter* filter = exchange.factory->make(exchange, {});
  EXPECT_EQ(filter->on_request(exchange).kind, Verdict::Kind::kProceed);
  EXPECT_EQ(filter->on_response(exchange).kind, Verdict::Kind::kProceed);
  filter->~Filter();
}

TEST(HeaderMutation, ChangesAreMadeInTheirOrderAndSeeWhatCameBefore) {
  TestExchange exchange;
  exchange.request_headers.add("x-a", "1");
  run(exchange, {.request = {set("x-b", "%REQ(x-a)%"), remove("x-a"), set("x-c", "%REQ(x-b)%"), set("x-d", "%REQ(x-a)%")}});
  EXPECT_EQ(exchange.request_headers.get_joined("x-b"), "1");
  EXPECT_EQ(exchange.request_headers.get_joined("x-c"), "1");
  EXPECT_EQ(exchange.request_headers.find("x-a"), nullptr);
  EXPECT_EQ(exchange.request_headers.find("x-d"), nullptr) << "an empty value adds nothing";
}

TEST(HeaderMutation, AppendActionsDecideWhatHappensToALineThatIsThere) {
  TestExchange exchange;
  for (const char* name : {"append", "absent", "overwrite", "if-exists"}) exchange.response_headers.add(name, "old");
  run(exchange, {.response = {set("append", "new"), set("absent", "new", AppendAction::kAddIfAbsent),
                              set("overwrite", "new", AppendAction::kOverwriteIfExistsOrAdd),
                              set("if-exists", "new", AppendAction::kOverwriteIfExists),
                              set("not-there", "new", AppendAction::kOverwriteIfExists)}});
  EXPECT_EQ(exchange.response_headers.get_joined("append"), "old,new");
  EXPECT_EQ(exchange.response_headers.get_joined("absent"), "old");
  EXPECT_EQ(exchange.response_headers.get_joined("overwrite"), "new");
  EXPECT_EQ(exchange.response_headers.get_joined("if-exists"), "new");
  EXPECT_EQ(exchange.response_headers.find("not-there"), nullptr);
}

TEST(HeaderMutation, RemovesAllLinesOfAName) {
  TestExchange exchange;
  exchange.request_headers.add("x-a", "1");
  exchange.request_headers.add("cookie", "c");
  exchange.request_headers.add("x-a", "2");
  run(exchange, {.request = {remove("X-A"), remove("cookie")}});
  EXPECT_TRUE(exchange.request_headers.empty());
}

TEST(HeaderMutation, AFormatThatIsNoneIsAnErrorWithItsPath) {
  envoy::extensions::filters::http::header_mutation::v3::HeaderMutation message;
  auto* header = message.mutable_mutations()->add_response_mutations()->mutable_append()->mutable_header();
  header->set_key("x-a");
  header->set_value("%NO_SUCH_OPERATOR%");
  google::protobuf::Any any;
  any.PackFrom(message);
  config::Diagnostics diagnostics;
  stats::Registry registry;
  stats::Scopes scopes(registry, 1);
  EXPECT_EQ(read_header_mutation(any, {nullptr, "typed_config"}, FilterContext{scopes}, diagnostics), nullptr);
  ASSERT_EQ(diagnostics.errors().size(), 1u);
  EXPECT_EQ(diagnostics.errors()[0].path, "typed_config.mutations.response_mutations[0].append.header.value");
}

TEST(HeaderMutation, PathAndHostCanBeTakenAwayButNotBeSet) {
  for (const char* name : {":path", "Host", ":authority", ":status"}) {
    envoy::extensions::filters::http::header_mutation::v3::HeaderMutation message;
    message.mutable_mutations()->add_request_mutations()->mutable_append()->mutable_header()->set_key(name);
    message.mutable_mutations()->add_request_mutations()->set_remove(name);
    google::protobuf::Any any;
    any.PackFrom(message);
    config::Diagnostics diagnostics;
    stats::Registry registry;
    stats::Scopes scopes(registry, 1);
    EXPECT_EQ(read_header_mutation(any, {}, FilterContext{scopes}, diagnostics), nullptr);
    ASSERT_EQ(diagnostics.errors().size(), 1u) << name;
    EXPECT_EQ(diagnostics.errors()[0].path, "mutations.request_mutations[0].append.header.key");
  }
}

}  // namespace
}  // namespace weir::filter
