// The questions of a sandbox that runs, and answers to them.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett {

// Errors: there is no such sandbox, it does not run, its policy does not ask.
[[nodiscard]] Result<std::vector<GrantReply>> open_questions(const oci::ContainerStore& store,
                                                             const std::string& id);
// `file` for GrantCommand::substitute. Errors: as above; the question is not open (any more); what
// was allowed could not be opened.
[[nodiscard]] Status answer_question(const oci::ContainerStore& store, const std::string& id,
                                     std::uint64_t question, GrantCommand answer,
                                     BorrowedFd file = {});

}  // namespace yett
