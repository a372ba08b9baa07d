// `yett -H SOCKET grant`: what programs of yettd's ask for, and the answers.
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "runsc-like/cli/daemon_programs.hpp"
#include "runsc-like/cli/grant_words.hpp"
#include "runsc-like/cli/host_commands.hpp"
#include "runsc-like/cli/oci_command.hpp"

namespace yett {
namespace {

constexpr OciUsage kUsage{
    "grant", "[OPTIONS] [NUMBER [QUESTION allow|always|deny]]",
    "What this user's programs of yettd's ask for (for root, all), or one of them, under a policy "
    "with violation = \"ask\"; or the answer: allow (once), always (the same file, while it runs), "
    "deny. Without an answer in time it is denied.",
    "yett -H /run/yettd.sock grant\n  yett -H /run/yettd.sock grant 7 1 allow", kGrantOptions};

// Nothing: it has none of this number or above.
Result<std::optional<ShownQuestion>> read_question(DaemonLink& link, int program,
                                                   std::uint64_t from) {
  yett_question wanted{};
  wanted.size = sizeof wanted;
  wanted.program = program;
  wanted.question = from;
  wanted.path = sizeof wanted;
  wanted.path_room = YETT_QUESTION_PATH_MAX;
  std::vector<std::byte> memory = memory_of(wanted);
  memory.resize(sizeof wanted + YETT_QUESTION_PATH_MAX);
  YETT_TRY(const int answer, link.call(YETT_QUESTION, 0, memory));
  if (answer == -ENOENT) return std::optional<ShownQuestion>();
  if (answer < 0) return fail(errno_error(-answer, "ask", "yettd"));
  read_back(memory, wanted);
  ShownQuestion shown{.program = program,
                      .told = {.kind = GrantReplyKind::question,
                               .question = wanted.question,
                               .left_ms = wanted.left_ms,
                               .for_write = wanted.access == YETT_GRANT_WRITE ? 1U : 0U,
                               .pid = wanted.pid}};
  const auto path = std::as_writable_bytes(std::span(shown.told.object));
  if (const int error = read_memory(memory, sizeof wanted, path); error != 0)
    return fail(errno_error(error, "ask", "yettd"));
  std::memcpy(shown.told.comm.data(), wanted.comm, sizeof wanted.comm);
  std::memcpy(shown.told.call.data(), wanted.call, sizeof wanted.call);
  shown.told.object.back() = shown.told.comm.back() = shown.told.call.back() = '\0';
  return std::optional(shown);
}

Status add_questions(DaemonLink& link, int program, std::vector<ShownQuestion>& questions) {
  for (std::uint64_t from = 0;;) {
    YETT_TRY(const std::optional<ShownQuestion> asked, read_question(link, program, from));
    if (!asked) return {};
    from = asked->told.question + 1;
    questions.push_back(*asked);
  }
}

Result<int> number_of(const std::string& word) {
  const auto number = parse_decimal(word, INT32_MAX);
  if (number) return static_cast<int>(*number);
  return fail(request_error(escape_for_terminal(word), "is no number of a program", "see yett ps"));
}

Status list(DaemonLink& link, const CommandLine& given) {
  std::vector<ShownQuestion> questions;
  if (!given.places.empty()) {
    YETT_TRY(const int program, number_of(given.places[0]));
    YETT_CHECK(add_questions(link, program, questions));
  } else {
    YETT_TRY(const std::vector<yett_program_info> programs, read_programs(link));
    for (const yett_program_info& each : programs)
      YETT_CHECK(add_questions(link, each.program, questions));
  }
  print_questions(questions, given);
  return {};
}

unsigned answer_of(GrantCommand command) {
  switch (command) {
    case GrantCommand::allow:
      return YETT_ANSWER_ONCE;
    case GrantCommand::always:
      return YETT_ANSWER_ALWAYS;
    case GrantCommand::substitute:
      return YETT_ANSWER_INSTEAD;
    default:
      return YETT_ANSWER_DENY;
  }
}

Error not_open(std::uint64_t question) {
  return request_error("question " + std::to_string(question), "is not open (any more)",
                       "yett grant lists those that are");
}

Status answer(DaemonLink& link, const CommandLine& given) {
  YETT_TRY(const int program, number_of(given.places[0]));
  YETT_TRY(const GivenAnswer answer,
           read_answer(std::span(given.places).subspan(1), given, "yett grant"));
  UniqueFd file;
  if (answer.command == GrantCommand::substitute) {
    YETT_TRY(const auto asked, read_question(link, program, answer.question));
    if (!asked || asked->told.question != answer.question) return fail(not_open(answer.question));
    YETT_TRY(file, open_instead(given.value("file"), asked->told.for_write != 0));
  }
  yett_answer_call wanted{};
  wanted.size = sizeof wanted;
  wanted.program = program;
  wanted.question = answer.question;
  wanted.answer = answer_of(answer.command);
  std::vector<std::byte> memory = memory_of(wanted);
  const int passed = file.get();
  YETT_TRY(const int result,
           link.call(YETT_ANSWER, 0, memory, std::span(&passed, file.valid() ? 1 : 0)));
  if (result == -ENOENT) return fail(not_open(answer.question));
  return result < 0 ? fail(errno_error(-result, "answer", "yettd")) : Status();
}

Status grant(const std::string& socket, const CommandLine& given) {
  YETT_TRY(DaemonLink link, DaemonLink::connect(socket));
  return given.places.size() < 2 ? list(link, given) : answer(link, given);
}

}  // namespace

int host_grant(const std::string& socket, int argc, char** argv) {
  const OciCommandLine line(kUsage, argc, argv);
  if (!line.good(0, 3)) return line.exit_status();
  return line.finish(grant(socket, line.arguments()));
}

}  // namespace yett
