#include "supervisor/broker/dns_message.hpp"

#include <algorithm>

namespace yett {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kInternetClass = 1;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcode = 0x7800;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::size_t kLongestName = 253;
constexpr int kMostJumps = 16;
constexpr int kMostRecords = 128;
constexpr int kLongestChain = 16;

class Reader {
 public:
  explicit Reader(DnsBytes bytes) : bytes_(bytes) {}

  [[nodiscard]] bool good() const { return good_; }
  std::uint16_t u16() {
    if (!has(2)) return 0;
    const auto value = static_cast<std::uint16_t>(bytes_[at_] << 8 | bytes_[at_ + 1]);
    at_ += 2;
    return value;
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  DnsBytes take(std::size_t size) {
    if (!has(size)) return {};
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }
  // Follows compression pointers, which lead backwards only; goes on behind the name itself.
  std::string name();

 private:
  bool has(std::size_t size) {
    good_ = good_ && size <= bytes_.size() - at_;
    return good_;
  }
  bool append_label(std::size_t at, std::size_t size, std::string& name) {
    if (at + 1 + size > bytes_.size() || name.size() + size + 1 > kLongestName + 1) return false;
    if (!name.empty()) name += '.';
    for (std::size_t i = 0; i < size; ++i) {
      const char c = static_cast<char>(bytes_[at + 1 + i]);
      const bool upper = c >= 'A' && c <= 'Z';
      const bool plain =
          upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!plain) return false;
      name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return true;
  }
  std::string bad() {
    good_ = false;
    return {};
  }

  DnsBytes bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

std::string Reader::name() {
  std::string name;
  std::size_t at = at_;
  std::size_t behind = 0;  // set at the first jump
  for (int jumps = 0; good_;) {
    if (at >= bytes_.size()) return bad();
    const std::uint8_t length = bytes_[at];
    if (length == 0) {
      at_ = behind != 0 ? behind : at + 1;
      return name;
    }
    if ((length & 0xC0) == 0xC0) {
      if (at + 1 >= bytes_.size() || ++jumps > kMostJumps) return bad();
      if (behind == 0) behind = at + 2;
      const std::size_t target = static_cast<std::size_t>(length & 0x3F) << 8 | bytes_[at + 1];
      if (target >= at) return bad();
      at = target;
      continue;
    }
    if ((length & 0xC0) != 0 || !append_label(at, length, name)) return bad();
    at += 1U + length;
  }
  return {};
}

class Writer {
 public:
  void u16(std::uint16_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes_.push_back(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16));
    u16(static_cast<std::uint16_t>(value));
  }
  void bytes(DnsBytes more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void name(std::string_view name) {
    while (!name.empty()) {
      const std::string_view label = name.substr(0, name.find('.'));
      bytes_.push_back(static_cast<std::uint8_t>(label.size()));
      bytes_.insert(bytes_.end(), label.begin(), label.end());
      name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    bytes_.push_back(0);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

void write_question(Writer& writer, const DnsQuery& query) {
  writer.name(query.name);
  writer.u16(query.type);
  writer.u16(kInternetClass);
}

struct Header {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
};

Header read_header(Reader& reader) {
  Header header{.id = reader.u16(), .flags = reader.u16()};
  header.questions = reader.u16();
  header.answers = reader.u16();
  reader.u32();
  return header;
}

struct Alias {
  std::string from;
  std::string to;
  std::uint32_t ttl = 0;
};
struct OwnedAddress {
  std::string owner;
  DnsAddress address;
};
struct Records {
  std::vector<Alias> aliases;
  std::vector<OwnedAddress> addresses;
};

void read_record(Reader& reader, Records& records) {
  std::string owner = reader.name();
  const std::uint16_t type = reader.u16();
  const std::uint16_t in_class = reader.u16();
  const std::uint32_t ttl = reader.u32();
  const std::uint16_t size = reader.u16();
  Reader inside = reader;  // names in the data may point back into the message
  const DnsBytes data = reader.take(size);
  if (!reader.good() || in_class != kInternetClass) return;
  if (type == kCname) {
    std::string target = inside.name();
    if (inside.good()) records.aliases.push_back({std::move(owner), std::move(target), ttl});
  } else if ((type == kDnsA && size == 4) || (type == kDnsAaaa && size == 16)) {
    DnsAddress address{.is_ipv6 = type == kDnsAaaa, .ttl = ttl};
    std::ranges::copy(data, address.bytes.begin());
    records.addresses.push_back({std::move(owner), address});
  }
}

std::vector<DnsAddress> addresses_of(const Records& records, std::string name) {
  std::uint32_t ttl = UINT32_MAX;
  for (int steps = 0; steps < kLongestChain; ++steps) {
    const auto alias = std::ranges::find(records.aliases, name, &Alias::from);
    if (alias == records.aliases.end()) break;
    name = alias->to;
    ttl = std::min(ttl, alias->ttl);
  }
  std::vector<DnsAddress> found;
  for (const OwnedAddress& each : records.addresses) {
    if (each.owner != name) continue;
    found.push_back(each.address);
    found.back().ttl = std::min(found.back().ttl, ttl);
  }
  return found;
}

}  // namespace

std::string normal_dns_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string normal(name);
  for (char& c : normal)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return normal;
}

std::optional<DnsQuery> parse_dns_query(DnsBytes message) {
  Reader reader(message);
  const Header header = read_header(reader);
  if ((header.flags & (kResponse | kOpcode)) != 0 || header.questions != 1) return std::nullopt;
  DnsQuery query{.id = header.id, .recursion_desired = (header.flags & kRecursionDesired) != 0};
  query.name = reader.name();
  query.type = reader.u16();
  const std::uint16_t in_class = reader.u16();
  if (!reader.good() || in_class != kInternetClass) return std::nullopt;
  return query;
}

std::vector<std::uint8_t> make_dns_query(const DnsQuery& query) {
  Writer writer;
  writer.u16(query.id);
  writer.u16(kRecursionDesired);
  writer.u16(1);
  writer.u16(0);
  writer.u32(0);
  write_question(writer, query);
  return writer.take();
}

std::vector<std::uint8_t> make_dns_answer(const DnsQuery& query, const DnsAnswer& answer) {
  constexpr std::uint16_t kNameOfQuestion = 0xC000 | kHeader;
  constexpr std::size_t kLargestRecord = 28;
  constexpr std::size_t kRoom = 512;  // of a resolver that announced no more
  std::vector<DnsAddress> told;
  std::size_t size = kHeader + query.name.size() + 6;
  for (const DnsAddress& address : answer.addresses) {
    if (query.type != (address.is_ipv6 ? kDnsAaaa : kDnsA) || size + kLargestRecord > kRoom)
      continue;
    told.push_back(address);
    size += kLargestRecord;
  }
  Writer writer;
  writer.u16(query.id);
  writer.u16(static_cast<std::uint16_t>(kResponse | kRecursionAvailable |
                                        (query.recursion_desired ? kRecursionDesired : 0) |
                                        static_cast<unsigned>(answer.code)));
  writer.u16(1);
  writer.u16(static_cast<std::uint16_t>(told.size()));
  writer.u32(0);
  write_question(writer, query);
  for (const DnsAddress& address : told) {
    writer.u16(kNameOfQuestion);
    writer.u16(query.type);
    writer.u16(kInternetClass);
    writer.u32(address.ttl);
    const std::size_t length = address.is_ipv6 ? 16 : 4;
    writer.u16(static_cast<std::uint16_t>(length));
    writer.bytes(DnsBytes(address.bytes).first(length));
  }
  return writer.take();
}

std::optional<DnsAnswer> parse_dns_answer(DnsBytes message, const DnsQuery& query) {
  Reader reader(message);
  const Header header = read_header(reader);
  if (!reader.good() || (header.flags & kResponse) == 0 || header.id != query.id ||
      header.questions != 1)
    return std::nullopt;
  const std::string name = reader.name();
  const std::uint16_t type = reader.u16();
  const std::uint16_t in_class = reader.u16();
  if (!reader.good() || name != query.name || type != query.type || in_class != kInternetClass)
    return std::nullopt;
  Records records;
  for (int i = 0; i < std::min<int>(header.answers, kMostRecords) && reader.good(); ++i)
    read_record(reader, records);
  return DnsAnswer{.code = static_cast<DnsCode>(header.flags & 0xF),
                   .addresses = addresses_of(records, query.name)};
}

}  // namespace yett
