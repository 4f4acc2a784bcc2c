#include "main/explain.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "base/text.h"
#include "main/dry_run.h"
#include "main/story.h"

namespace weir::main {

namespace {

/// "name: value", as for curl.
Result<std::pair<std::string, std::string>> parse_header(const std::string& text) {
  const size_t colon = text.find(':', 1);
  if (colon == std::string::npos) return failure("-H '" + text + "': expected 'name: value'");
  return std::pair(lower(trim(std::string_view(text).substr(0, colon))),
                   std::string(trim(std::string_view(text).substr(colon + 1))));
}

Result<Question> ask(const std::string& text, const std::vector<std::string>& headers) {
  Result<Question> question = Question::parse(text);
  for (const std::string& each : headers) {
    if (!question) break;
    auto header = parse_header(each);
    if (!header) return std::unexpected(header.error());
    if (header->first == "host" || header->first == ":authority") {
      question->authority = header->second;
    } else {
      question->headers.push_back(std::move(*header));
    }
  }
  return question;
}

bool terminal() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

}  // namespace

int run_explain(int argc, char** argv) {
  CLI::App app("Tells what would become of a request: which listener, virtual host and route, and why not the others.",
               "weir explain");
  std::string request, format = "text", listener, source;
  std::vector<std::string> headers;
  uint64_t random = 0;
  bool certificate = false;
  Options options;
  app.add_option("-c,--config-path", options.config_path, "The bootstrap");
  app.add_option("--config-yaml", options.config_yaml, "A bootstrap as YAML text, merged over the file");
  app.add_option("REQUEST", request, "'GET http://host/path', or only the URL")->required();
  app.add_option("-H,--header", headers, "A header, 'name: value'; may be repeated")->allow_extra_args(false);
  app.add_option("--listener", listener, "The listener's name; otherwise the port of the URL decides");
  app.add_option("--source", source, "The client's address (127.0.0.1)");
  app.add_option("--random", random, "The random number that decides about weights and fractions (0)");
  app.add_flag("--client-certificate", certificate, "The client shows a certificate that is good");
  app.add_option("--format", format, "text, or json for tools")->check(CLI::IsMember({"text", "json"}));
  app.footer("Nothing is sent anywhere. https in the URL means a TLS connection with that server name.");
  CLI11_PARSE(app, argc, argv);

  Result<Question> question = ask(request, headers);
  if (!question) {
    std::cerr << "weir explain: " << question.error().message << "\n";
    return 1;
  }
  question->listener = listener;
  if (!source.empty()) question->source = source;
  question->random = random;
  question->client_certificate = certificate;

  DryRun configuration(options);
  if (!configuration.read()) {
    for (const config::Diagnostic& error : configuration.diagnostics().errors()) std::cerr << error.text() << "\n";
    return 1;
  }
  const Result<Story> story = tell(configuration, *question);
  if (!story) {
    std::cerr << "weir explain: " << story.error().message << "\n";
    return 1;
  }
  std::cout << (format == "json" ? story_json(*question, *story) : story_text(*question, *story, terminal()));
  return 0;
}

}  // namespace weir::main
