// Reading generic matchers.
#include "format/matcher_tree_config.h"

#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/matching/common_inputs/environment_variable/v3/input.pb.h"
#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb.h"
#include "envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs.pb.h"
#include "envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing.pb.h"
#include "envoy/extensions/matching/input_matchers/ip/v3/ip.pb.h"
#include "envoy/extensions/matching/input_matchers/metadata/v3/metadata.pb.h"
#include "envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction.pb.h"
#include "envoy/type/matcher/v3/address.pb.h"
#include "envoy/type/matcher/v3/filter_state.pb.h"
#include "envoy/type/matcher/v3/http_inputs.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/number.pb.h"
#include "envoy/type/matcher/v3/value.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "envoy/type/v3/range.pb.h"
#include "net/cidr_config.h"
#include "stats/scopes.h"
#include "xds/core/v3/cidr.pb.h"
#include "xds/core/v3/extension.pb.h"
#include "xds/type/matcher/v3/domain.pb.h"
#include "xds/type/matcher/v3/ip.pb.h"
#include "xds/type/matcher/v3/matcher.pb.h"
#include "xds/type/matcher/v3/regex.pb.h"
#include "xds/type/matcher/v3/string.pb.h"

namespace weir::format {

namespace {

using config::FieldPath;
using google::protobuf::Any;
using Node = MatcherTree::Node;
namespace xds = ::xds::type::matcher::v3;
namespace http_inputs = envoy::type::matcher::v3;
namespace network_inputs = envoy::extensions::matching::common_inputs::network::v3;
namespace ssl_inputs = envoy::extensions::matching::common_inputs::ssl::v3;
namespace conditions = envoy::extensions::matching::input_matchers;
using Variable = envoy::extensions::matching::common_inputs::environment_variable::v3::Config;

constexpr char kInputs[] = "envoy.matching.http.input";
constexpr char kConditions[] = "envoy.matching.input_matchers";
constexpr char kTrees[] = "envoy.matching.http.custom_matchers";

constexpr auto kAddressMatcherStats =
    stats::table<AddressMatcherStats>({{"ip_parsing_failed", &AddressMatcherStats::ip_parsing_failed}});

template <class M>
bool unpack(const Any& any, M& message) {
  return any.Is<M>() && any.UnpackTo(&message);
}

class TreeReader {
 public:
  TreeReader(MatcherReader& matchers, const MatcherOwner& owner) : matchers_(matchers), owner_(owner) {}

  std::shared_ptr<const Node> node(const xds::Matcher& config, const FieldPath& at) {
    auto node = std::make_shared<Node>();
    if (config.has_matcher_list()) {
      list(config.matcher_list(), {&at, "matcher_list"}, *node);
    } else if (config.has_matcher_tree()) {
      tree(config.matcher_tree(), {&at, "matcher_tree"}, *node);
    }
    if (config.has_on_no_match()) node->on_no_match = on_match(config.on_no_match(), {&at, "on_no_match"});
    return node;
  }

 private:
  void error(const FieldPath& at, std::string message, std::string hint = {}) {
    matchers_.diagnostics.error({{}, at.text(), std::move(message), std::move(hint)});
  }

  MatcherTree::OnMatch on_match(const xds::Matcher::OnMatch& config, const FieldPath& at) {
    MatcherTree::OnMatch result;
    result.keep_matching = config.keep_matching();
    if (result.keep_matching && !owner_.may_keep_matching) error({&at, "keep_matching"}, "has no meaning here", "leave it out");
    if (config.has_matcher()) {
      result.matcher = node(config.matcher(), {&at, "matcher"});
    } else if (config.has_action()) {
      const FieldPath action{&at, "action"};
      if (const auto number = owner_.read_action(config.action().typed_config(), {&action, "typed_config"}))
        result.action = *number;
    } else {
      error(at, "needs an action or a matcher");
    }
    return result;
  }

  void list(const xds::Matcher::MatcherList& config, const FieldPath& at, Node& node) {
    node.kind = Node::Kind::kList;
    const FieldPath matchers{&at, "matchers"};
    for (int i = 0; i < config.matchers_size(); ++i) {
      const FieldPath here{&matchers, {}, i};
      node.list.push_back({predicate(config.matchers(i).predicate(), {&here, "predicate"}),
                           on_match(config.matchers(i).on_match(), {&here, "on_match"})});
    }
  }

  MatchPredicate predicate(const xds::Matcher::MatcherList::Predicate& config, const FieldPath& at) {
    using Predicate = xds::Matcher::MatcherList::Predicate;
    MatchPredicate result;
    const auto several = [&](MatchPredicate::Kind kind, const Predicate::PredicateList& list, std::string_view name) {
      result.kind = kind;
      const FieldPath here{&at, name};
      const FieldPath items{&here, "predicate"};
      for (int i = 0; i < list.predicate_size(); ++i) result.inner.push_back(predicate(list.predicate(i), {&items, {}, i}));
    };
    switch (config.match_type_case()) {
      case Predicate::kSinglePredicate:
        single(config.single_predicate(), {&at, "single_predicate"}, result);
        break;
      case Predicate::kAndMatcher:
        several(MatchPredicate::Kind::kAll, config.and_matcher(), "and_matcher");
        break;
      case Predicate::kOrMatcher:
        several(MatchPredicate::Kind::kAny, config.or_matcher(), "or_matcher");
        break;
      case Predicate::kNotMatcher:
        result.kind = MatchPredicate::Kind::kNot;
        result.inner.push_back(predicate(config.not_matcher(), {&at, "not_matcher"}));
        break;
      case Predicate::MATCH_TYPE_NOT_SET:
        error(at, "needs one of single_predicate, or_matcher, and_matcher and not_matcher");
    }
    return result;
  }

  void single(const xds::Matcher::MatcherList::Predicate::SinglePredicate& config, const FieldPath& at, MatchPredicate& result) {
    result.input = input(config.input(), {&at, "input"});
    if (config.has_value_match()) {
      result.condition = text(config.value_match(), {&at, "value_match"});
    } else {
      const FieldPath custom{&at, "custom_match"};
      result.condition = condition(config.custom_match().typed_config(), {&custom, "typed_config"});
    }
  }

  TextMatcher text(const xds::StringMatcher& config, const FieldPath& at) {
    using Kind = TextMatcher::Kind;
    switch (config.match_pattern_case()) {
      case xds::StringMatcher::kExact:
        return TextMatcher::make(Kind::kExact, config.exact(), config.ignore_case());
      case xds::StringMatcher::kPrefix:
        return TextMatcher::make(Kind::kPrefix, config.prefix(), config.ignore_case());
      case xds::StringMatcher::kSuffix:
        return TextMatcher::make(Kind::kSuffix, config.suffix(), config.ignore_case());
      case xds::StringMatcher::kContains:
        return TextMatcher::make(Kind::kContains, config.contains(), config.ignore_case());
      case xds::StringMatcher::kSafeRegex: {
        if (config.ignore_case()) error({&at, "ignore_case"}, "has no effect for safe_regex", "write (?i) into the regex");
        Result<Regex> regex = Regex::compile(config.safe_regex().regex(), matchers_.max_regex_program_size);
        if (regex) return TextMatcher::make(std::move(*regex));
        const FieldPath safe_regex{&at, "safe_regex"};
        error({&safe_regex, "regex"}, regex.error().message);
        return {};
      }
      default:
        error(at, "needs one of exact, prefix, suffix, contains and safe_regex");
        return {};
    }
  }

  MatchInput input(const ::xds::core::v3::TypedExtensionConfig& config, const FieldPath& at) {
    const FieldPath where{&at, "typed_config"};
    std::optional<MatchInput> result = known_input(config.typed_config());
    if (!result) {
      error(where, "'" + config.typed_config().type_url() + "' is no input of a matcher");
      return MatchInput::missing();
    }
    const std::string refusal = owner_.refusal ? owner_.refusal(result->kind()) : "";
    if (!refusal.empty()) error(where, "the " + result->description() + " cannot be matched here", refusal);
    return std::move(*result);
  }

  static std::optional<MatchInput> known_input(const Any& any) {
    using Kind = MatchInput::Kind;
    if (http_inputs::HttpRequestHeaderMatchInput m; unpack(any, m)) return MatchInput(Kind::kRequestHeader, m.header_name());
    if (http_inputs::HttpResponseHeaderMatchInput m; unpack(any, m)) return MatchInput(Kind::kResponseHeader, m.header_name());
    if (http_inputs::HttpRequestTrailerMatchInput m; unpack(any, m)) return MatchInput(Kind::kRequestTrailer, m.header_name());
    if (http_inputs::HttpResponseTrailerMatchInput m; unpack(any, m)) return MatchInput(Kind::kResponseTrailer, m.header_name());
    if (http_inputs::HttpRequestQueryParamMatchInput m; unpack(any, m)) return MatchInput(Kind::kQueryParameter, m.query_param());
    if (network_inputs::FilterStateInput m; unpack(any, m)) return MatchInput(Kind::kFilterState, m.key());
    if (network_inputs::DynamicMetadataInput m; unpack(any, m)) {
      std::vector<std::string> path;
      for (const auto& segment : m.path()) path.push_back(segment.key());
      return MatchInput::metadata(m.filter(), std::move(path));
    }
    if (Variable m; unpack(any, m)) {
      const char* value = std::getenv(m.name().c_str());
      return value == nullptr ? MatchInput::missing() : MatchInput(Kind::kFixed, value);
    }
    if (any.Is<network_inputs::DestinationIPInput>()) return MatchInput(Kind::kDestinationIp, "");
    if (any.Is<network_inputs::DestinationPortInput>()) return MatchInput(Kind::kDestinationPort, "");
    if (any.Is<network_inputs::SourceIPInput>()) return MatchInput(Kind::kSourceIp, "");
    if (any.Is<network_inputs::SourcePortInput>()) return MatchInput(Kind::kSourcePort, "");
    if (any.Is<network_inputs::DirectSourceIPInput>()) return MatchInput(Kind::kDirectSourceIp, "");
    if (any.Is<network_inputs::SourceTypeInput>()) return MatchInput(Kind::kSourceType, "");
    if (any.Is<network_inputs::ServerNameInput>()) return MatchInput(Kind::kServerName, "");
    if (any.Is<network_inputs::TransportProtocolInput>()) return MatchInput(Kind::kTransportProtocol, "");
    if (any.Is<ssl_inputs::UriSanInput>()) return MatchInput(Kind::kPeerUriSan, "");
    if (any.Is<ssl_inputs::DnsSanInput>()) return MatchInput(Kind::kPeerDnsSan, "");
    if (any.Is<ssl_inputs::SubjectInput>()) return MatchInput(Kind::kPeerSubject, "");
    if (any.Is<network_inputs::ApplicationProtocolInput>()) return MatchInput(Kind::kApplicationProtocol, "");
    return std::nullopt;
  }

  InputCondition condition(const Any& any, const FieldPath& at) {
    if (conditions::ip::v3::Ip m; unpack(any, m)) {
      std::vector<net::Cidr> ranges;
      net::read_cidrs(m.cidr_ranges(), {&at, "cidr_ranges"}, matchers_.diagnostics, ranges);
      InSomeRange result;
      for (const net::Cidr& range : ranges) result.ranges.add(range, 0);
      result.ranges.finish();
      if (matchers_.stats != nullptr) {
        result.stats = matchers_.stats->find<AddressMatcherStats>(m.stat_prefix() + ".", kAddressMatcherStats);
        result.stats->mine(0);  // shown before it is needed
      }
      return result;
    }
    if (conditions::runtime_fraction::v3::RuntimeFraction m; unpack(any, m)) {
      return InFraction{read_fraction(m.runtime_fraction(), matchers_.runtime), m.seed()};
    }
    if (conditions::consistent_hashing::v3::ConsistentHashing m; unpack(any, m)) {
      if (m.threshold() > m.modulo()) {
        error({&at, "threshold"},
              "is greater than modulo (" + std::to_string(m.threshold()) + " > " + std::to_string(m.modulo()) + ")");
      }
      return InHashRange{m.threshold(), std::max<uint64_t>(m.modulo(), 1), m.seed()};
    }
    if (conditions::metadata::v3::Metadata m; unpack(any, m)) {
      return IsMetadata{read_value_matcher(m.value(), {&at, "value"}, matchers_), m.invert()};
    }
    error(at, "'" + any.type_url() + "' is no condition of a matcher");
    return TextMatcher();
  }

  void tree(const xds::Matcher::MatcherTree& config, const FieldPath& at, Node& node) {
    node.input = input(config.input(), {&at, "input"});
    const auto map = [&](Node::Kind kind, const xds::Matcher::MatcherTree::MatchMap& entries, std::string_view name) {
      node.kind = kind;
      const FieldPath here{&at, name};
      const FieldPath items{&here, "map"};
      std::vector<std::string> keys;
      for (const auto& [key, value] : entries.map()) keys.push_back(key);
      std::ranges::sort(keys);  // errors in an order that does not change
      for (const std::string& key : keys) {
        node.map.emplace(key, on_match(entries.map().at(key), {&items, key, -1, true}));
        node.lengths.push_back(key.size());
      }
      std::ranges::sort(node.lengths, std::ranges::greater());
      node.lengths.erase(std::ranges::unique(node.lengths).begin(), node.lengths.end());
    };
    if (config.has_exact_match_map()) return map(Node::Kind::kExact, config.exact_match_map(), "exact_match_map");
    if (config.has_prefix_match_map()) return map(Node::Kind::kPrefix, config.prefix_match_map(), "prefix_match_map");
    const FieldPath custom{&at, "custom_match"};
    const FieldPath where{&custom, "typed_config"};
    const Any& any = config.custom_match().typed_config();
    if (xds::IPMatcher m; unpack(any, m)) return ip_tree(m, where, node);
    if (xds::ServerNameMatcher m; unpack(any, m)) return domain_tree(m, where, node);
    error(where, "'" + any.type_url() + "' is no kind of matcher tree");
  }

  void ip_tree(const xds::IPMatcher& config, const FieldPath& at, Node& node) {
    node.kind = Node::Kind::kIp;
    const FieldPath list{&at, "range_matchers"};
    for (int i = 0; i < config.range_matchers_size(); ++i) {
      const auto& matcher = config.range_matchers(i);
      const FieldPath here{&list, {}, i};
      const FieldPath ranges{&here, "ranges"};
      for (int j = 0; j < matcher.ranges_size(); ++j) {
        if (const auto cidr = read_range(matcher.ranges(j), {&ranges, {}, j}, matchers_)) {
          node.ranges.add(*cidr, static_cast<uint32_t>(node.targets.size()));
        }
      }
      node.targets.push_back({on_match(matcher.on_match(), {&here, "on_match"}), matcher.exclusive()});
    }
    node.ranges.finish();
  }

  void domain_tree(const xds::ServerNameMatcher& config, const FieldPath& at, Node& node) {
    node.kind = Node::Kind::kDomain;
    const FieldPath list{&at, "domain_matchers"};
    for (int i = 0; i < config.domain_matchers_size(); ++i) {
      const auto& matcher = config.domain_matchers(i);
      const FieldPath here{&list, {}, i};
      const FieldPath domains{&here, "domains"};
      const MatcherTree::OnMatch target = on_match(matcher.on_match(), {&here, "on_match"});
      for (int j = 0; j < matcher.domains_size(); ++j) domain(matcher.domains(j), target, {&domains, {}, j}, node);
    }
  }

  void domain(const std::string& name, const MatcherTree::OnMatch& target, const FieldPath& at, Node& node) {
    std::string key = name;
    if (name.empty()) {
      error(at, "a domain must not be empty");
    } else if (name == "*") {
      key = ".";
    } else if (name.find('*') != std::string::npos) {
      if (!name.starts_with("*.") || name.size() == 2 || name.find('*', 1) != std::string::npos) {
        error(at, "'" + name + "' has a star where none may be", "only '*' and '*.domain' are possible");
      }
      key = name.substr(1);
    }
    if (!node.map.emplace(key, target).second) error(at, "the domain '" + name + "' is there already");
  }

 public:
  static std::optional<net::Cidr> read_range(const ::xds::core::v3::CidrRange& config, const FieldPath& at,
                                             MatcherReader& matchers) {
    const bool v6 = config.address_prefix().find(':') != std::string::npos;
    const int most = v6 ? 128 : 32;  // Envoy takes longer ones for these
    const int length = static_cast<int>(std::min<uint32_t>(config.prefix_len().value(), static_cast<uint32_t>(most)));
    Result<net::Cidr> cidr = net::Cidr::make(config.address_prefix(), length);
    if (cidr) return std::move(*cidr);
    matchers.diagnostics.error({{}, FieldPath{&at, "address_prefix"}.text(), cidr.error().message, ""});
    return std::nullopt;
  }

 private:
  MatcherReader& matchers_;
  const MatcherOwner& owner_;
};

}  // namespace

RuntimeShare read_share(const envoy::type::v3::FractionalPercent& config) {
  using Percent = envoy::type::v3::FractionalPercent;
  return {config.numerator(), config.denominator() == Percent::MILLION        ? 1'000'000u
                              : config.denominator() == Percent::TEN_THOUSAND ? 10'000u
                                                                              : 100u};
}

Fraction read_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& config, RuntimeValues* runtime) {
  const RuntimeShare share = read_share(config.default_value());
  return {share.numerator, share.denominator, config.runtime_key(),
          runtime == nullptr ? RuntimeKey() : runtime->key(config.runtime_key())};
}

ValueMatcher read_value_matcher(const envoy::type::matcher::v3::ValueMatcher& config, const FieldPath& at,
                                MatcherReader& matchers) {
  using Config = envoy::type::matcher::v3::ValueMatcher;
  using Kind = ValueMatcher::Kind;
  ValueMatcher result;
  switch (config.match_pattern_case()) {
    case Config::kNullMatch:
      result.kind = Kind::kNull;
      break;
    case Config::kDoubleMatch:
      result.kind = config.double_match().has_range() ? Kind::kNumberRange : Kind::kExactNumber;
      result.start = config.double_match().has_range() ? config.double_match().range().start() : config.double_match().exact();
      result.end = config.double_match().range().end();
      break;
    case Config::kStringMatch:
      result.kind = Kind::kText;
      result.text = matchers.text(config.string_match(), {&at, "string_match"});
      break;
    case Config::kBoolMatch:
      result.kind = Kind::kBool;
      result.flag = config.bool_match();
      break;
    case Config::kPresentMatch:
      result.kind = Kind::kPresent;
      result.flag = config.present_match();
      break;
    case Config::kListMatch: {
      const FieldPath list{&at, "list_match"};
      result.kind = Kind::kList;
      result.inner.push_back(read_value_matcher(config.list_match().one_of(), {&list, "one_of"}, matchers));
      break;
    }
    case Config::kOrMatch: {
      result.kind = Kind::kAnyOf;
      const FieldPath any{&at, "or_match"};
      const FieldPath list{&any, "value_matchers"};
      for (int i = 0; i < config.or_match().value_matchers_size(); ++i) {
        result.inner.push_back(read_value_matcher(config.or_match().value_matchers(i), {&list, {}, i}, matchers));
      }
      break;
    }
    case Config::MATCH_PATTERN_NOT_SET:
      break;  // refused by the constraints of the .proto file
  }
  return result;
}

MetadataMatcher read_metadata_matcher(const envoy::type::matcher::v3::MetadataMatcher& config, const FieldPath& at,
                                      MatcherReader& matchers) {
  MetadataMatcher result{.filter = config.filter(), .path = {}, .value = {}, .invert = config.invert()};
  for (const auto& segment : config.path()) result.path.push_back(segment.key());
  result.value = read_value_matcher(config.value(), {&at, "value"}, matchers);
  return result;
}

FilterStateMatcher read_filter_state_matcher(const envoy::type::matcher::v3::FilterStateMatcher& config, const FieldPath& at,
                                             MatcherReader& matchers) {
  FilterStateMatcher result{.key = config.key(), .wanted = TextMatcher()};
  if (config.has_string_match()) {
    result.wanted = matchers.text(config.string_match(), {&at, "string_match"});
    return result;
  }
  std::vector<net::Cidr> ranges;
  const FieldPath address{&at, "address_match"};
  const FieldPath list{&address, "ranges"};
  for (int i = 0; i < config.address_match().ranges_size(); ++i) {
    const auto range = TreeReader::read_range(config.address_match().ranges(i), {&list, {}, i}, matchers);
    if (range) ranges.push_back(*range);
  }
  result.wanted = std::move(ranges);
  return result;
}

MatcherTree read_matcher_tree(const xds::Matcher& config, const FieldPath& at, MatcherReader& matchers,
                              const MatcherOwner& owner) {
  return MatcherTree(TreeReader(matchers, owner).node(config, at));
}

void declare_matcher_trees(config::SupportTable& table) {
  using envoy::type::matcher::v3::DoubleMatcher;
  declare_matchers(table);
  table.message<xds::Matcher>().all_fields();
  table.message<xds::Matcher::OnMatch>().all_fields().extensions("action", kMatcherActions);
  table.message<xds::Matcher::MatcherList>().all_fields();
  table.message<xds::Matcher::MatcherList::FieldMatcher>().all_fields();
  table.message<xds::Matcher::MatcherList::Predicate>().all_fields();
  table.message<xds::Matcher::MatcherList::Predicate::PredicateList>().all_fields();
  table.message<xds::Matcher::MatcherList::Predicate::SinglePredicate>()
      .all_fields()
      .extensions("input", kInputs)
      .extensions("custom_match", kConditions);
  table.message<xds::Matcher::MatcherTree>().all_fields().extensions("input", kInputs).extensions("custom_match", kTrees);
  table.message<xds::Matcher::MatcherTree::MatchMap>().all_fields();
  table.message<xds::StringMatcher>().fields({"exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"});
  table.message<xds::RegexMatcher>().all_fields();
  table.message<xds::RegexMatcher::GoogleRE2>().all_fields();
  table.message<::xds::core::v3::TypedExtensionConfig>().all_fields();
  table.message<::xds::core::v3::CidrRange>().all_fields();

  table.extension<http_inputs::HttpRequestHeaderMatchInput>(kInputs, "request-headers").all_fields();
  table.extension<http_inputs::HttpResponseHeaderMatchInput>(kInputs, "response-headers").all_fields();
  table.extension<http_inputs::HttpRequestTrailerMatchInput>(kInputs, "request-trailers").all_fields();
  table.extension<http_inputs::HttpResponseTrailerMatchInput>(kInputs, "response-trailers").all_fields();
  table.extension<http_inputs::HttpRequestQueryParamMatchInput>(kInputs, "query-params").all_fields();
  table.extension<network_inputs::DestinationIPInput>(kInputs, "envoy.matching.inputs.destination_ip");
  table.extension<network_inputs::DestinationPortInput>(kInputs, "envoy.matching.inputs.destination_port");
  table.extension<network_inputs::SourceIPInput>(kInputs, "envoy.matching.inputs.source_ip");
  table.extension<network_inputs::SourcePortInput>(kInputs, "envoy.matching.inputs.source_port");
  table.extension<network_inputs::DirectSourceIPInput>(kInputs, "envoy.matching.inputs.direct_source_ip");
  table.extension<network_inputs::SourceTypeInput>(kInputs, "envoy.matching.inputs.source_type");
  table.extension<network_inputs::ServerNameInput>(kInputs, "envoy.matching.inputs.server_name");
  table.extension<network_inputs::TransportProtocolInput>(kInputs, "envoy.matching.inputs.transport_protocol");
  table.extension<network_inputs::ApplicationProtocolInput>(kInputs, "envoy.matching.inputs.application_protocol");
  table.extension<ssl_inputs::UriSanInput>(kInputs, "envoy.matching.inputs.uri_san");
  table.extension<ssl_inputs::DnsSanInput>(kInputs, "envoy.matching.inputs.dns_san");
  table.extension<ssl_inputs::SubjectInput>(kInputs, "envoy.matching.inputs.subject");
  table.extension<network_inputs::FilterStateInput>(kInputs, "envoy.matching.inputs.filter_state").all_fields();
  table.extension<network_inputs::DynamicMetadataInput>(kInputs, "envoy.matching.inputs.dynamic_metadata").all_fields();
  table.message<network_inputs::DynamicMetadataInput::PathSegment>().all_fields();
  table.extension<Variable>(kInputs, "envoy.matching.common_inputs.environment_variable").all_fields();

  table.extension<conditions::ip::v3::Ip>(kConditions, "envoy.matching.matchers.ip").all_fields();
  table.message<envoy::config::core::v3::CidrRange>().all_fields();
  table.extension<conditions::runtime_fraction::v3::RuntimeFraction>(kConditions, "envoy.matching.matchers.runtime_fraction")
      .all_fields();
  table.message<envoy::config::core::v3::RuntimeFractionalPercent>().all_fields();
  table.message<envoy::type::v3::FractionalPercent>().all_fields();
  table
      .extension<conditions::consistent_hashing::v3::ConsistentHashing>(kConditions, "envoy.matching.matchers.consistent_hashing")
      .all_fields();
  table.extension<conditions::metadata::v3::Metadata>(kConditions, "envoy.matching.matchers.metadata_matcher").all_fields();

  table.extension<xds::IPMatcher>(kTrees, "envoy.matching.custom_matchers.ip_range_matcher").all_fields();
  table.message<xds::IPMatcher::IPRangeMatcher>().all_fields();
  table.extension<xds::ServerNameMatcher>(kTrees, "envoy.matching.custom_matchers.domain_matcher").all_fields();
  table.message<xds::ServerNameMatcher::DomainMatcher>().all_fields();

  table.message<envoy::type::matcher::v3::ValueMatcher>().all_fields();
  table.message<envoy::type::matcher::v3::ValueMatcher::NullMatch>();
  table.message<envoy::type::matcher::v3::ListMatcher>().all_fields();
  table.message<envoy::type::matcher::v3::OrMatcher>().all_fields();
  table.message<DoubleMatcher>().all_fields();
  table.message<envoy::type::v3::DoubleRange>().all_fields();
  table.message<envoy::type::matcher::v3::MetadataMatcher>().all_fields();
  table.message<envoy::type::matcher::v3::MetadataMatcher::PathSegment>().all_fields();
  table.message<envoy::type::matcher::v3::FilterStateMatcher>().all_fields();
  table.message<envoy::type::matcher::v3::AddressMatcher>().all_fields();
}

}  // namespace weir::format
