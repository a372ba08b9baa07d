#include "runsc-like/sandboxes/swap_client.hpp"

#include "runsc-like/sandboxes/list_sandboxes.hpp"

namespace yett {
namespace {

Result<UniqueFd> connect(const oci::ContainerStore& store, const std::string& id) {
  return connect_to_running(
      store, id, &oci::ContainerDirectory::connect_to_swaps,
      request_error(id, "its policy cannot be swapped",
                    "sandboxes of yett run --name or -d take another policy"));
}

}  // namespace

Result<SwapReply> swap_policy(const oci::ContainerStore& store, const std::string& id,
                              const std::string& name, const std::string& text) {
  YETT_TRY(const UniqueFd connection, connect(store, id));
  YETT_TRY(const UniqueFd memory, make_policy_memory(text));
  YETT_CHECK(send_swap_request(connection.borrow(), name, memory.borrow()));
  YETT_TRY(const SwapReply reply, receive_swap_reply(connection.borrow()));
  if (reply.error == 0) return reply;
  return fail(Error{.kind = ErrorKind::invalid_request, .detail = reply.text.data()});
}

}  // namespace yett
