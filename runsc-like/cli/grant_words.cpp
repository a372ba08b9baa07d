#include "runsc-like/cli/grant_words.hpp"

#include <fcntl.h>

#include <cstdio>

#include "base/text.hpp"
#include "runsc-like/cli/oci_print.hpp"
#include "runsc-like/oci/state/json_writer.hpp"

namespace yett {
namespace {

const char* access_of(const GrantReply& question) {
  return question.for_write != 0 ? "write" : "read";
}

Result<GrantCommand> command_of(const std::string& answer) {
  if (answer == "allow") return GrantCommand::allow;
  if (answer == "always") return GrantCommand::always;
  if (answer == "deny") return GrantCommand::deny;
  return fail(request_error(escape_for_terminal(answer), "is no answer", "allow, always or deny"));
}

}  // namespace

std::string questions_table(const std::vector<ShownQuestion>& questions) {
  std::vector<std::vector<std::string>> rows{{"QUESTION", "FILE", "TO", "PROGRAM", "LEFT"}};
  const bool is_numbered = !questions.empty() && questions.front().program.has_value();
  if (is_numbered) rows.front().insert(rows.front().begin(), "NUMBER");
  for (const auto& [program, told] : questions) {
    rows.push_back({std::to_string(told.question), escape_for_terminal(told.object.data()),
                    access_of(told),
                    escape_for_terminal(told.comm.data()) + " (" + std::to_string(told.pid) + ")",
                    std::to_string(told.left_ms / 1000) + "s"});
    if (is_numbered) rows.back().insert(rows.back().begin(), std::to_string(program.value_or(0)));
  }
  return table(rows);
}

std::string questions_json(const std::vector<ShownQuestion>& questions) {
  oci::JsonWriter json;
  json.begin_array();
  for (const auto& [program, told] : questions) {
    json.begin_object();
    if (program) json.member("number", *program);
    json.member("question", static_cast<std::int64_t>(told.question));
    json.member("call", std::string(told.call.data()));
    json.member("object", std::string(told.object.data()));
    json.member("access", std::string(access_of(told)));
    json.member("pid", told.pid).member("comm", std::string(told.comm.data()));
    json.member("left_ms", static_cast<std::int64_t>(told.left_ms)).end_object();
  }
  return json.end_array().text() + "\n";
}

void print_questions(const std::vector<ShownQuestion>& questions, const CommandLine& given) {
  const std::string text =
      given.has("json") ? questions_json(questions) : questions_table(questions);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Result<GivenAnswer> read_answer(std::span<const std::string> words, const CommandLine& given,
                                const std::string& list) {
  if (words.size() < 2)
    return fail(request_error("grant", "no answer given", "allow, always or deny"));
  const auto number = parse_decimal(words[0], INT64_MAX);
  if (!number || *number == 0)
    return fail(request_error(escape_for_terminal(words[0]), "is no question's number", list));
  YETT_TRY(GrantCommand command, command_of(words[1]));
  if (given.has("file") && command != GrantCommand::allow)
    return fail(request_error("--file", "goes with allow alone"));
  if (given.has("file")) command = GrantCommand::substitute;
  return GivenAnswer{.question = *number, .command = command};
}

Result<UniqueFd> open_instead(const std::string& path, bool for_write) {
  UniqueFd file(::open(path.c_str(), (for_write ? O_WRONLY : O_RDONLY) | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return fail(errno_error("open", path));
  return file;
}

}  // namespace yett
