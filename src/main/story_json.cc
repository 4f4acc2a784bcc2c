// The story of a request as tools read it: every name is always there, what does not apply is null or empty.
#include "base/json_text.h"
#include "main/story.h"

namespace weir::main {

namespace {

/// Puts values and commas in their places; whoever uses it opens and closes.
class Json {
 public:
  Json& open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  Json& name(std::string_view name) {
    separate();
    append_json_string(text_, name);
    text_ += ':';
    first_ = true;
    return *this;
  }
  Json& value(std::string_view value) {
    separate();
    append_json_string(text_, value);
    return *this;
  }
  Json& raw(std::string_view value) {
    separate();
    text_ += value;
    return *this;
  }
  Json& member(std::string_view name, std::string_view value) { return this->name(name).value(value); }
  /// null for "".
  Json& maybe(std::string_view name, std::string_view value) {
    return value.empty() ? this->name(name).raw("null") : member(name, value);
  }
  Json& number(std::string_view name, double value) {
    std::string text;
    append_json_number(text, value);
    return this->name(name).raw(text);
  }
  Json& boolean(std::string_view name, bool value) { return this->name(name).raw(value ? "true" : "false"); }
  Json& list(std::string_view name, const std::vector<std::string>& values) {
    this->name(name).open('[');
    for (const std::string& each : values) value(each);
    return close(']');
  }
  std::string take() { return std::move(text_ += '\n'); }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  std::string text_;
  bool first_ = true;
};

void write(Json& json, std::string_view name, const std::vector<HeaderChange>& changes) {
  json.name(name).open('[');
  for (const HeaderChange& each : changes) {
    json.open('{').member("name", each.name);
    each.before ? json.member("before", *each.before) : json.name("before").raw("null");
    each.after ? json.member("after", *each.after) : json.name("after").raw("null");
    json.member("by", each.by).close('}');
  }
  json.close(']');
}

}  // namespace

std::string story_json(const Question& question, const Story& story) {
  Json json;
  json.open('{');
  json.name("request").open('{').member("method", question.method).member("url", question.url()).close('}');
  json.name("listener").open('{').member("name", story.listener).member("address", story.listener_address).close('}');
  json.name("filter_chain").open('{').number("number", static_cast<double>(story.chain_number));
  json.number("of", static_cast<double>(story.chain_count)).maybe("name", story.chain_name).close('}');
  json.maybe("ended", story.ended).maybe("client", story.client).boolean("internal", story.internal);
  json.maybe("scope", story.scope).member("route_configuration", story.route_table).list("filters", story.filters);

  json.name("virtual_host").open('{').maybe("name", story.virtual_host).maybe("domain", story.domain);
  json.list("other_domains", story.domains).maybe("hint", story.domain_hint);
  json.maybe("at", story.virtual_host_at).number("routes", static_cast<double>(story.virtual_host_routes)).close('}');
  if (!story.matcher.empty()) json.list("matcher", story.matcher);
  json.name("candidates").open('[');
  for (const Story::Candidate& each : story.candidates) {
    json.open('{').number("route", each.number).maybe("name", each.name).member("match", each.match);
    json.boolean("matches", each.miss.empty())
        .maybe("failed", each.missed)
        .maybe("why", each.miss)
        .maybe("at", each.at)
        .close('}');
  }
  json.close(']');

  json.maybe("action", story.action).number("status", story.status).maybe("location", story.location).member("body", story.body);
  json.name("cluster").open('{').maybe("name", story.cluster).boolean("exists", story.cluster_exists);
  json.maybe("note", story.cluster_note).close('}');
  json.name("weighted_clusters").open('[');
  for (const Story::WeightedCluster& each : story.weighted) {
    json.open('{').member("name", each.name).number("weight", static_cast<double>(each.weight));
    json.number("percent", each.percent).boolean("chosen", each.chosen).close('}');
  }
  json.close(']').maybe("virtual_cluster", story.virtual_cluster);
  json.name("policies").open('[');
  for (const auto& [name, value] : story.policies) json.open('{').member("name", name).member("value", value).close('}');
  json.close(']');
  write(json, "received_headers", story.received);
  write(json, "request_headers", story.request);
  write(json, "response_headers", story.response);
  return json.close('}').take();
}

}  // namespace weir::main
