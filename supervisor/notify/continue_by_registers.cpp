// The answers that let a notified call run. Decision 5 forbids it wherever the decision looked
// at memory, which the target can rewrite before the kernel reads it again. Here the decision is
// the filter's own, said later: by the architecture, the number and the registers that the kernel
// copied when the call entered. Between that copy and the call nothing can change them but a tracer
// that stops the thread; a thread that waits here stops only by being taken out of the wait, and
// its call then begins anew, and is asked about anew. Filters that the target added itself have had
// their say before: the strictest answer of all filters is the one that was given.
// docs/decisions/0031-live-policies.md.
#include <linux/seccomp.h>

#include "supervisor/notify/pending_notification.hpp"

namespace yett {

// SECURITY(continue-by-registers): called for a verdict of "allow" alone, which the engine gives to
// rules that speak of registers (VerdictKind::allow).
Status PendingNotification::continue_by_registers() {
  return send(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

// SECURITY(redirect-let-run): here memory was looked at, for where a name leads, and the answer
// says nothing of what the call may do: it runs as it would have without a notification, and
// Landlock decides on the objects that the kernel finds by then, whatever the memory says.
// docs/decisions/0045-redirected-writes.md.
Status PendingNotification::continue_under_landlock() {
  return send(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

}  // namespace yett
