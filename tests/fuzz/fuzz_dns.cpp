// Messages of a sandbox's resolver and of strange name servers, and the host's tables of names.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "supervisor/broker/dns_message.hpp"
#include "supervisor/broker/host_tables.hpp"

namespace {

// A question that was understood is told back as it came.
void check_question(const yett::DnsQuery& query) {
  const auto again = yett::parse_dns_query(yett::make_dns_query(query));
  if (!again || again->name != query.name || again->type != query.type) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const yett::DnsBytes message(data, size);
  if (const auto query = yett::parse_dns_query(message)) {
    check_question(*query);
    if (const auto answer = yett::parse_dns_answer(message, *query))
      if (yett::make_dns_answer(*query, *answer).size() > 512) std::abort();
  }
  static const yett::DnsQuery kAsked{.id = 0, .name = "a", .type = yett::kDnsA};
  (void)yett::parse_dns_answer(message, kAsked);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)yett::find_in_hosts(text, "a");
  (void)yett::parse_name_servers(text);
  return 0;
}
