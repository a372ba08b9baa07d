#include "runsc-like/cli/man.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "runsc-like/cli/help_page.hpp"
#include "runsc-like/cli/host_run.hpp"
#include "runsc-like/cli/oci_command.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{'a', "all", "DIR", "Write every page into this directory, as NAME.1"}};
constexpr OciUsage kUsage{"man", "[COMMAND] | --all DIR",
                          "The manual page of a command, or of yett itself, for man(1) to show.",
                          "yett man run | man -l -\n  yett man --all /usr/local/share/man/man1",
                          kOptions};

// Text as roff(7) takes it: no line of it is a request.
std::string roff(std::string_view text) {
  std::string escaped;
  bool line_begins = true;
  for (const char byte : text) {
    if (line_begins && (byte == '.' || byte == '\'')) escaped += "\\&";
    if (byte == '\\')
      escaped += "\\e";
    else if (byte == '-')
      escaped += "\\-";
    else
      escaped += byte;
    line_begins = byte == '\n';
  }
  return escaped;
}

std::string preformatted(std::string_view text) { return ".nf\n" + roff(text) + "\n.fi\n"; }

std::string option_entry(const HelpOption& option) {
  std::string entry = ".TP\n";
  if (option.letter != 0) entry += std::string("\\fB\\-") + option.letter + "\\fR, ";
  entry += "\\fB\\-\\-" + roff(option.name) + "\\fR";
  if (!option.value.empty()) entry += " \\fI" + roff(option.value) + "\\fR";
  return entry + "\n" + roff(option.help) + "\n";
}

std::string title(const std::string& name, std::string_view summary) {
  std::string upper = name;
  for (char& byte : upper)
    if (byte >= 'a' && byte <= 'z') byte = static_cast<char>(byte - ('a' - 'A'));
  return ".TH " + roff(upper) + " 1 \"\" yett \"Yett\"\n.SH NAME\n" + roff(name) + " \\- " +
         roff(summary) + "\n";
}

std::string page_of(const Command& command) {
  const HelpPage help = collect_help(command);
  std::string page = title("yett-" + std::string(command.name), command.summary);
  page += ".SH SYNOPSIS\n" + preformatted(help.usage);
  page += ".SH DESCRIPTION\n" + preformatted(help.description);
  if (!help.options.empty()) page += ".SH OPTIONS\n";
  for (const HelpOption& option : help.options) page += option_entry(option);
  page += ".SH EXAMPLES\n" + preformatted(help.examples);
  return page + ".SH SEE ALSO\n\\fByett\\fR(1)\n";
}

std::string page_of_yett() {
  std::string page = title("yett", "runs programs that you do not trust");
  page +=
      ".SH SYNOPSIS\n\\fByett\\fR [\\fIGLOBAL OPTIONS\\fR] \\fICOMMAND\\fR "
      "[\\fIOPTIONS\\fR]\n.SH COMMANDS\n";
  for (const Command& command : all_commands())
    page += ".TP\n\\fByett\\-" + roff(command.name) + "\\fR(1)\n" + roff(command.summary) + "\n";
  page += ".SH GLOBAL OPTIONS\nBefore the command, as runc has them.\n";
  for (const HelpOption& option : help_options(kHostOptions)) page += option_entry(option);
  for (const HelpOption& option : help_options(oci_global_options())) page += option_entry(option);
  return page;
}

Status write_page(const std::string& directory, const std::string& name, const std::string& page) {
  const std::string path = directory + "/" + name + ".1";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid() ||
      ::write(file.get(), page.data(), page.size()) != static_cast<ssize_t>(page.size()))
    return fail(errno_error("write", path));
  return {};
}

Status write_all(const std::string& directory) {
  YETT_CHECK(write_page(directory, "yett", page_of_yett()));
  for (const Command& command : all_commands())
    YETT_CHECK(write_page(directory, "yett-" + std::string(command.name), page_of(command)));
  return {};
}

Status man(const CommandLine& given) {
  const auto& words = given.places;
  if (given.has("all")) return write_all(given.value("all"));
  std::string page = words.empty() ? page_of_yett() : "";
  for (const Command& command : all_commands())
    if (!words.empty() && command.name == words.front()) page = page_of(command);
  if (page.empty()) return fail(request_error(words.front(), "no such command", "see yett --help"));
  std::fwrite(page.data(), 1, page.size(), stdout);
  return {};
}

}  // namespace

int run_man(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, 1)) return line.exit_status();
  return line.finish(man(line.arguments()));
}

}  // namespace yett
