#include "main/check.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/json_text.h"
#include "main/dry_run.h"
#include "main/lint.h"

namespace weir::main {

namespace {

using config::Diagnostic;

struct Finding {
  bool error;
  Diagnostic diagnostic;
};

/// All findings about one bootstrap, in the order of the text.
std::vector<Finding> check(const Options& options) {
  DryRun configuration(options);
  configuration.read();
  config::Diagnostics doubts;
  lint(configuration, doubts);

  std::vector<Finding> findings;
  for (const Diagnostic& error : configuration.diagnostics().errors()) findings.push_back({true, error});
  for (const Diagnostic& warning : configuration.diagnostics().warnings()) findings.push_back({false, warning});
  for (const Diagnostic& warning : doubts.warnings()) findings.push_back({false, warning});
  std::ranges::stable_sort(findings, {}, [](const Finding& each) {
    return std::tie(each.diagnostic.at.file, each.diagnostic.at.line, each.diagnostic.at.column);
  });
  return findings;
}

/// `file:line:column: path: what; hint`, the form that compilers use and editors know.
std::string as_text(const Finding& finding) {
  if (finding.error) return finding.diagnostic.text();
  Diagnostic marked = finding.diagnostic;
  (marked.path.empty() ? marked.message : marked.path).insert(0, "warning: ");
  return marked.text();
}

std::string as_json(const Finding& finding) {
  std::string text = "{\"severity\":";
  append_json_string(text, finding.error ? "error" : "warning");
  const auto member = [&](std::string_view name, std::string_view value) {
    ((text += ",\"") += name) += "\":";
    append_json_string(text, value);
  };
  const auto number = [&](std::string_view name, uint32_t value) {
    (((text += ",\"") += name) += "\":") += value == 0 ? "null" : std::to_string(value);
  };
  member("file", finding.diagnostic.at.file);
  number("line", finding.diagnostic.at.line);
  number("column", finding.diagnostic.at.column);
  member("path", finding.diagnostic.path);
  member("message", finding.diagnostic.message);
  member("hint", finding.diagnostic.hint);
  return text + "}";
}

/// A workflow command of GitHub Actions ("Setting an error message"), which shows the finding beside its line.
std::string as_github(const Finding& finding) {
  const auto escaped = [](std::string_view text, std::string_view special) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
      if (special.find(c) == std::string_view::npos) {
        result += c;
      } else {
        result += {'%', kHex[static_cast<unsigned char>(c) >> 4], kHex[static_cast<unsigned char>(c) & 15]};
      }
    }
    return result;
  };
  const Diagnostic& diagnostic = finding.diagnostic;
  std::string text = finding.error ? "::error " : "::warning ";
  text += "file=" + escaped(diagnostic.at.file, "%\r\n:,");
  if (diagnostic.at.line != 0) {
    text += ",line=" + std::to_string(diagnostic.at.line) + ",col=" + std::to_string(diagnostic.at.column);
  }
  return text + "::" + escaped(Diagnostic{{}, diagnostic.path, diagnostic.message, diagnostic.hint}.text(), "%\r\n");
}

std::string counted(size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void print(const std::vector<Finding>& findings, const std::string& format, const std::vector<std::string>& files) {
  const auto errors = static_cast<size_t>(std::ranges::count(findings, true, &Finding::error));
  const size_t warnings = findings.size() - errors;
  if (format == "json") {
    std::cout << "{\"errors\":" << errors << ",\"warnings\":" << warnings << ",\"findings\":[";
    for (const Finding& finding : findings) std::cout << (&finding == findings.data() ? "\n" : ",\n") << as_json(finding);
    std::cout << "]}\n";
    return;
  }
  for (const Finding& finding : findings) std::cout << (format == "github" ? as_github(finding) : as_text(finding)) << "\n";
  if (findings.empty()) {
    std::cout << (files.size() == 1 ? files[0] + " is good" : counted(files.size(), "file") + ", all good") << "\n";
  } else {
    std::cout << counted(errors, "error") << " and " << counted(warnings, "warning") << " in " << counted(files.size(), "file")
              << "\n";
  }
}

}  // namespace

int run_check(int argc, char** argv) {
  CLI::App app("Finds everything that is wrong or doubtful in bootstraps and in the files that they name.", "weir check");
  std::vector<std::string> files;
  std::string format = "text";
  bool strict = false;
  Options options;
  app.add_option("FILE", files, "Bootstraps (.yaml, .json, .pb or .pb_text), or files of resources (.yaml, .json)")->required();
  app.add_option("--format", format, "text; json, for tools; github, for annotations in a workflow run")
      ->check(CLI::IsMember({"text", "json", "github"}));
  app.add_flag("--strict", strict, "Warnings are errors too");
  app.add_flag("--allow-unknown-static-fields,--allow-unknown-fields", options.allow_unknown_static_fields,
               "Warn of unknown fields in the bootstrap instead of refusing it");
  app.add_flag("--reject-unknown-dynamic-fields", options.reject_unknown_dynamic_fields,
               "Refuse unknown fields in the files that the bootstrap names");
  app.footer(
      "Each finding is one line: file:line:column: path: what is wrong; what to do. Nothing is bound, resolved or written.\n"
      "The status is 1 if there are errors.");
  CLI11_PARSE(app, argc, argv);

  std::vector<Finding> findings;
  for (const std::string& file : files) {
    options.config_path = file;
    for (Finding& finding : check(options)) {
      finding.error = finding.error || strict;
      findings.push_back(std::move(finding));
    }
  }
  print(findings, format, files);
  return std::ranges::any_of(findings, &Finding::error) ? 1 : 0;
}

}  // namespace weir::main
