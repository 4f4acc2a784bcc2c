// A listener's filter_chain_matcher becomes a MatcherTree whose actions are the numbers of filter chains.
#include <google/protobuf/wrappers.pb.h>

#include <map>

#include "envoy/config/listener/v3/listener.pb.h"
#include "format/matcher_tree_config.h"
#include "proxy/listener_config.h"

namespace weir::proxy {

namespace v3 = envoy::config::listener::v3;
using config::FieldPath;

namespace {

/// Chains by name, which every chain must have then, and no two the same.
std::map<std::string, uint32_t> chains_by_name(const v3::Listener& listener, const FieldPath& at,
                                               config::Diagnostics& diagnostics) {
  std::map<std::string, uint32_t> numbers;
  const FieldPath list{&at, "filter_chains"};
  for (int i = 0; i < listener.filter_chains_size(); ++i) {
    const FieldPath item{&list, {}, i}, name{&item, "name"};
    const std::string& text = listener.filter_chains(i).name();
    if (text.empty()) {
      diagnostics.error({{}, name.text(), "a filter_chain_matcher chooses chains by name, and this one has none", "give it one"});
    } else if (!numbers.emplace(text, static_cast<uint32_t>(i)).second) {
      diagnostics.error({{}, name.text(), "the name " + config::quoted(text) + " is taken", "names must differ"});
    }
  }
  return numbers;
}

std::string refusal(format::MatchInput::Kind kind) {
  using Kind = format::MatchInput::Kind;
  switch (kind) {
    case Kind::kRequestHeader:
    case Kind::kResponseHeader:
    case Kind::kRequestTrailer:
    case Kind::kResponseTrailer:
    case Kind::kQueryParameter:
    case Kind::kDynamicMetadata:
      return "filter chains are chosen before there is a request, by addresses and by what listener filters found out";
    default:
      return "";
  }
}

}  // namespace

bool read_filter_chain_matcher(const v3::Listener& listener, const FieldPath& at, ListenerConfigContext& context,
                               ListenerSpec& spec, config::Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  const auto numbers = chains_by_name(listener, at, diagnostics);
  format::MatcherOwner owner;
  owner.refusal = refusal;
  owner.read_action = [&](const google::protobuf::Any& action, const FieldPath& where) -> std::optional<uint32_t> {
    google::protobuf::StringValue name;
    if (!action.UnpackTo(&name)) {
      diagnostics.error(
          {{}, where.text(), "only the name of a filter chain is implemented yet", "give a google.protobuf.StringValue"});
      return std::nullopt;
    }
    const auto found = numbers.find(name.value());
    if (found != numbers.end()) return found->second;
    diagnostics.warning({{},
                         where.text(),
                         "there is no filter chain named " + config::quoted(name.value()) + ": these connections are closed",
                         "add one, or name another"});
    return static_cast<uint32_t>(spec.chains.size());
  };
  format::MatcherReader matchers{.diagnostics = diagnostics, .runtime = context.runtime, .stats = &context.stats.all()};
  spec.chain_matcher = format::read_matcher_tree(listener.filter_chain_matcher(), {&at, "filter_chain_matcher"}, matchers, owner);
  return diagnostics.errors().size() == errors;
}

void declare_filter_chain_matcher(config::SupportTable& table) {
  table.extension<google::protobuf::StringValue>(format::kMatcherActions, "filter-chain-name").all_fields();
}

}  // namespace weir::proxy
