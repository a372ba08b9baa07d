// `yett grant`: what a sandbox asks for, and the answers.
#include "runsc-like/cli/grant_words.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/sandbox_commands.hpp"
#include "runsc-like/sandboxes/grant_client.hpp"

namespace yett {
namespace {

constexpr OciUsage kUsage{
    "grant", "[OPTIONS] ID [QUESTION allow|always|deny]",
    "What a sandbox asks for, under a policy with violation = \"ask\"; or the answer: allow "
    "(once), "
    "always (the same file, while the sandbox runs), deny. Without an answer in time it is denied.",
    "yett grant web\n  yett grant web 3 allow\n  yett grant --file /tmp/copy.txt web 4 allow",
    kGrantOptions};

Status list(const CommandLine& given) {
  YETT_TRY(const auto told, open_questions(oci_store(), given.places[0]));
  std::vector<ShownQuestion> questions;
  for (const GrantReply& each : told) questions.push_back({.program = std::nullopt, .told = each});
  print_questions(questions, given);
  return {};
}

Result<UniqueFd> open_instead_of(const std::string& id, std::uint64_t number,
                                 const std::string& path) {
  YETT_TRY(const auto questions, open_questions(oci_store(), id));
  bool for_write = false;
  for (const GrantReply& each : questions)
    if (each.question == number) for_write = each.for_write != 0;
  return open_instead(path, for_write);
}

Status answer(const CommandLine& given) {
  const std::string& id = given.places[0];
  YETT_TRY(const GivenAnswer answer,
           read_answer(std::span(given.places).subspan(1), given, "yett grant " + id));
  UniqueFd file;
  if (answer.command == GrantCommand::substitute) {
    YETT_TRY(file, open_instead_of(id, answer.question, given.value("file")));
  }
  return answer_question(oci_store(), id, answer.question, answer.command, file.borrow());
}

}  // namespace

int sandbox_grant(int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(1, 3)) return line.exit_status();
  const CommandLine& given = line.arguments();
  return line.finish(given.places.size() == 1 ? list(given) : answer(given));
}

}  // namespace yett
