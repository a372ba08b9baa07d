#include "runsc-like/sandboxes/grant_client.hpp"

#include <cerrno>

#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

Result<UniqueFd> connect(const oci::ContainerStore& store, const std::string& id) {
  return connect_to_running(store, id, &oci::ContainerDirectory::connect_to_grants,
                            request_error(id, "it asks nobody: its policy says what is refused",
                                          "write violation = \"ask\" in [on] of its policy"));
}

Error refused(const std::string& id, std::uint64_t question, int error) {
  const std::string subject = id + ", question " + std::to_string(question);
  if (error == ESRCH)
    return request_error(subject, "it is not open (any more)", "yett grant " + id);
  if (error == EINVAL)
    return request_error(subject, "the file does not fit what was asked for",
                         "a regular file, opened to read or to write as the question says");
  return errno_error(error, "give", subject);
}

}  // namespace

Result<std::vector<GrantReply>> open_questions(const oci::ContainerStore& store,
                                               const std::string& id) {
  YETT_TRY(const UniqueFd connection, connect(store, id));
  YETT_CHECK(send_grant_request(connection.borrow(), {.command = GrantCommand::list}));
  std::vector<GrantReply> questions;
  for (;;) {
    YETT_TRY(const GrantReply reply, receive_grant_reply(connection.borrow()));
    if (reply.kind != GrantReplyKind::question) return questions;
    questions.push_back(reply);
  }
}

Status answer_question(const oci::ContainerStore& store, const std::string& id,
                       std::uint64_t question, GrantCommand answer, BorrowedFd file) {
  YETT_TRY(const UniqueFd connection, connect(store, id));
  YETT_CHECK(
      send_grant_request(connection.borrow(), {.command = answer, .question = question}, file));
  YETT_TRY(const GrantReply reply, receive_grant_reply(connection.borrow()));
  if (reply.error != 0) return fail(refused(id, question, reply.error));
  return {};
}

}  // namespace yett
