// What `yett grant` says and hears, of a sandbox's supervisor or of yettd.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "runsc-like/cli/command_line.hpp"

namespace yett {

inline constexpr std::array kGrantOptions{
    Option{0, "json", "", "The open questions as JSON"},
    Option{0, "file", "FILE", "With allow: give this file in place of the one that is asked for"}};

struct ShownQuestion {
  std::optional<int> program;  // of yettd's; all of a list, or none
  GrantReply told;
};
[[nodiscard]] std::string questions_table(const std::vector<ShownQuestion>& questions);
[[nodiscard]] std::string questions_json(const std::vector<ShownQuestion>& questions);
void print_questions(const std::vector<ShownQuestion>& questions, const CommandLine& given);

struct GivenAnswer {
  std::uint64_t question = 0;
  GrantCommand command = GrantCommand::deny;
};
// `words`: QUESTION and what is answered; with --file it is `substitute`. `list`: the command that
// lists the questions.
[[nodiscard]] Result<GivenAnswer> read_answer(std::span<const std::string> words,
                                              const CommandLine& given, const std::string& list);
// What is given in place of the one asked for: opened by us, with our rights, as the question says.
[[nodiscard]] Result<UniqueFd> open_instead(const std::string& path, bool for_write);

}  // namespace yett
