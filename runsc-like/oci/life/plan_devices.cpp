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

std::uint32_t access_bits(const std::string& access) {
  std::uint32_t bits = 0;
  for (const char letter : access)
    bits |= letter == 'r'   ? BPF_DEVCG_ACC_READ
            : letter == 'w' ? BPF_DEVCG_ACC_WRITE
                            : BPF_DEVCG_ACC_MKNOD;
  return bits;
}

CgroupSetting setting_of(const DeviceRule& rule, char type) {
  return {"devices", rule.allow ? "devices.allow" : "devices.deny",
          std::string(1, type) + " " + number_or_all(rule.major) + ":" + number_or_all(rule.minor) +
              " " + access_of(rule)};
}

bool is_of_all(const DeviceRule& rule) {
  return rule.type == 'a' && !number_of(rule.major) && !number_of(rule.minor) &&
         access_bits(access_of(rule)) == access_bits("rwm");
}

// In the kernel's language "a" is every device and access, whatever else stands in its line.
void add_settings(const DeviceRule& rule, std::vector<CgroupSetting>& settings) {
  if (is_of_all(rule))
    settings.push_back({"devices", rule.allow ? "devices.allow" : "devices.deny", "a"});
  else if (rule.type != 'a')
    settings.push_back(setting_of(rule, rule.type));
  else
    for (const char type : {'b', 'c'}) settings.push_back(setting_of(rule, type));
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
  // SECURITY(container-device-rules): nothing that is not listed, whatever a cgroup inherits.
  std::vector<DeviceRule> complete{DeviceRule{}};
  complete.insert(complete.end(), rules.begin(), rules.end());
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
  for (const DeviceRule& rule : rules) add_settings(rule, settings);
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
