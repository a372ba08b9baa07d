#include "runsc-like/oci/life/plan_devices.hpp"

#include <linux/bpf.h>

#include <string>

namespace yett::oci {
namespace {

std::string number_or_all(const std::optional<std::int64_t>& number) {
  return number && *number >= 0 ? std::to_string(*number) : "*";
}

std::optional<std::uint32_t> number_of(const std::optional<std::int64_t>& number) {
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::string access_of(const DeviceRule& rule) { return rule.access.empty() ? "rwm" : rule.access; }

CgroupSetting setting_of(const DeviceRule& rule) {
  const char* file = rule.allow ? "devices.allow" : "devices.deny";
  if (rule.type == 'a' && !rule.major && !rule.minor) return {"devices", file, "a"};
  return {"devices", file,
          std::string(1, rule.type) + " " + number_or_all(rule.major) + ":" +
              number_or_all(rule.minor) + " " + access_of(rule)};
}

std::uint32_t access_bits(const std::string& access) {
  std::uint32_t bits = 0;
  for (const char letter : access)
    bits |= letter == 'r'   ? BPF_DEVCG_ACC_READ
            : letter == 'w' ? BPF_DEVCG_ACC_WRITE
                            : BPF_DEVCG_ACC_MKNOD;
  return bits;
}

DeviceKind kind_of(char type) {
  return type == 'b' ? DeviceKind::block : type == 'c' ? DeviceKind::character : DeviceKind::any;
}

DeviceRule allowed(char type, std::optional<std::int64_t> major, std::optional<std::int64_t> minor,
                   const char* access) {
  return {.allow = true, .type = type, .major = major, .minor = minor, .access = access};
}

}  // namespace

std::vector<DeviceRule> complete_device_rules(const std::vector<DeviceRule>& rules) {
  std::vector<DeviceRule> complete = rules;
  // SECURITY(container-device-rules): nothing that is not listed.
  if (rules.empty()) complete.push_back({});
  // Nodes may be made, not opened.
  for (const char type : {'c', 'b'})
    complete.push_back(allowed(type, std::nullopt, std::nullopt, "m"));
  for (const std::int64_t minor : {3, 5, 7, 8, 9})  // null, zero, full, random, urandom
    complete.push_back(allowed('c', 1, minor, "rwm"));
  for (const std::int64_t minor : {0, 1, 2})  // tty, console, ptmx
    complete.push_back(allowed('c', 5, minor, "rwm"));
  complete.push_back(allowed('c', 136, std::nullopt, "rwm"));  // pts/*
  return complete;
}

std::vector<CgroupSetting> device_settings(const std::vector<DeviceRule>& rules) {
  std::vector<CgroupSetting> settings;
  settings.reserve(rules.size());
  for (const DeviceRule& rule : rules) settings.push_back(setting_of(rule));
  return settings;
}

std::vector<DeviceAccessRule> device_accesses(const std::vector<DeviceRule>& rules) {
  std::vector<DeviceAccessRule> accesses;
  accesses.reserve(rules.size());
  for (const DeviceRule& rule : rules)
    accesses.push_back({.allow = rule.allow,
                        .kind = kind_of(rule.type),
                        .major = number_of(rule.major),
                        .minor = number_of(rule.minor),
                        .access = access_bits(access_of(rule))});
  return accesses;
}

}  // namespace yett::oci
