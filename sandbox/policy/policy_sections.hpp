// One function per section of a policy file: reads it into the policy, notes what is wrong.
#pragma once

#include "sandbox/policy/policy.hpp"
#include "sandbox/policy/toml_reader.hpp"

namespace yett {

void read_files(TomlReader& reader, const toml::table& table, Policy& policy);
void read_network(TomlReader& reader, const toml::table& table, Policy& policy);
void read_exec(TomlReader& reader, const toml::table& table, Policy& policy);
void read_syscalls(TomlReader& reader, const toml::table& table, Policy& policy);
void read_limits(TomlReader& reader, const toml::table& table, Policy& policy);
void read_truth(TomlReader& reader, const toml::table& table, Policy& policy);
void read_on(TomlReader& reader, const toml::table& table, Policy& policy);

}  // namespace yett
