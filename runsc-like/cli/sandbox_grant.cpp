// `yett grant`: what a sandbox asks for, and the answers.
#include <fcntl.h>

#include <array>
#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/oci/state/json_writer.hpp"
#include "runsc-like/sandboxes/grant_client.hpp"

namespace yett {
namespace {

constexpr std::array kOptions{
    Option{0, "json", "", "The open questions as JSON"},
    Option{0, "file", "FILE", "With allow: give this file in place of the one that is asked for"}};
constexpr OciUsage kUsage{
    "grant", "[OPTIONS] ID [QUESTION allow|always|deny]",
    "What a sandbox asks for, under a policy with violation = \"ask\"; or the answer: allow "
    "(once), "
    "always (the same file, while the sandbox runs), deny. Without an answer in time it is denied.",
    "yett grant web\n  yett grant web 3 allow\n  yett grant --file /tmp/copy.txt web 4 allow",
    kOptions};

std::string call_text(const GrantReply& question) {
  return escape_for_terminal(question.comm.data()) + " (" + std::to_string(question.pid) + ")";
}

std::string as_table(const std::vector<GrantReply>& questions) {
  std::vector<std::vector<std::string>> rows{{"QUESTION", "FILE", "TO", "PROGRAM", "LEFT"}};
  for (const GrantReply& each : questions)
    rows.push_back({std::to_string(each.question), escape_for_terminal(each.object.data()),
                    each.for_write != 0 ? "write" : "read", call_text(each),
                    std::to_string(each.left_ms / 1000) + "s"});
  return table(rows);
}

std::string as_json(const std::vector<GrantReply>& questions) {
  oci::JsonWriter json;
  json.begin_array();
  for (const GrantReply& each : questions) {
    json.begin_object().member("question", static_cast<std::int64_t>(each.question));
    json.member("call", std::string(each.call.data()));
    json.member("object", std::string(each.object.data()));
    json.member("access", std::string(each.for_write != 0 ? "write" : "read"));
    json.member("pid", each.pid).member("comm", std::string(each.comm.data()));
    json.member("left_ms", static_cast<std::int64_t>(each.left_ms)).end_object();
  }
  return json.end_array().text() + "\n";
}

Status print_questions(const std::string& id, bool json) {
  YETT_TRY(const auto questions, open_questions(oci_store(), id));
  const std::string text = json ? as_json(questions) : as_table(questions);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Result<GrantCommand> command_of(const std::string& answer) {
  if (answer == "allow") return GrantCommand::allow;
  if (answer == "always") return GrantCommand::always;
  if (answer == "deny") return GrantCommand::deny;
  return fail(request_error(escape_for_terminal(answer), "is no answer", "allow, always or deny"));
}

// Opened by us, with our rights, as the question says.
Result<UniqueFd> open_instead(const std::string& id, std::uint64_t number,
                              const std::string& path) {
  YETT_TRY(const auto questions, open_questions(oci_store(), id));
  bool for_write = false;
  for (const GrantReply& each : questions)
    if (each.question == number) for_write = each.for_write != 0;
  UniqueFd file(::open(path.c_str(), (for_write ? O_WRONLY : O_RDONLY) | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return fail(errno_error("open", path));
  return file;
}

Status answer(const CommandLine& given) {
  const auto& words = given.places;
  if (words.size() == 2)
    return fail(request_error("grant", "no answer given", "allow, always or deny"));
  const auto number = parse_decimal(words[1], INT64_MAX);
  if (!number || *number == 0)
    return fail(request_error(escape_for_terminal(words[1]), "is no question's number",
                              "yett grant " + words[0]));
  YETT_TRY(GrantCommand command, command_of(words[2]));
  if (!given.has("file")) return answer_question(oci_store(), words[0], *number, command);
  if (command != GrantCommand::allow) return fail(request_error("--file", "goes with allow alone"));
  YETT_TRY(const UniqueFd file, open_instead(words[0], *number, given.value("file")));
  return answer_question(oci_store(), words[0], *number, GrantCommand::substitute, file.borrow());
}

}  // namespace

int sandbox_grant(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 3)) return line.exit_status();
  const CommandLine& given = line.arguments();
  if (given.places.size() == 1)
    return line.finish(print_questions(given.places[0], given.has("json")));
  return line.finish(answer(given));
}

}  // namespace yett
