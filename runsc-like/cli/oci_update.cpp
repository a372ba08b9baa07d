// `yett update`: a container's resources, from a file or by runc's own options over it.
#include <array>

#include "base/text.hpp"
#include "runsc-like/cli/oci_command.hpp"
#include "runsc-like/cli/oci_life.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "runsc-like/oci/life/lifecycle.hpp"

namespace yett {
namespace {

constexpr std::array kUpdateOptions{
    Option{'r', "resources", "FILE", "File with the resources as JSON; - is standard input"},
    Option{0, "memory", "SIZE", "Limit: 64m, 1g, bytes; -1 is none"},
    Option{0, "memory-reservation", "SIZE", "What reclaim tries to leave"},
    Option{0, "memory-swap", "SIZE", "Limit of memory and swap; -1 is none"},
    Option{0, "pids-limit", "COUNT", "Most processes; -1 is no limit"},
    Option{0, "cpu-share", "WEIGHT", "Weight against others"},
    Option{0, "cpu-quota", "MICROSECONDS", "Microseconds of a period; -1 is no limit"},
    Option{0, "cpu-period", "MICROSECONDS", "A period, in microseconds"},
    Option{0, "cpu-burst", "MICROSECONDS", "Microseconds beyond the quota"},
    Option{0, "cpu-rt-period", "MICROSECONDS", "The same for real-time tasks"},
    Option{0, "cpu-rt-runtime", "MICROSECONDS", "The same for real-time tasks"},
    Option{0, "cpu-idle", "0|1", "1: only when nobody else wants the CPU"},
    Option{0, "cpuset-cpus", "LIST", "CPUs to use, 0-3,5"},
    Option{0, "cpuset-mems", "LIST", "Memory nodes to use"},
    Option{0, "blkio-weight", "WEIGHT", "Weight of I/O, 10 to 1000"}};

constexpr OciUsage kUpdateUsage{"update", "[OPTIONS] ID", "Change the resources of a container.",
                                "yett update --memory 64m --pids-limit 50 app1", kUpdateOptions};

// Sizes as docker writes them; -1 is no limit.
Status take_size(const CommandLine& given, const char* name, std::optional<std::int64_t>& value) {
  if (!given.has(name)) return {};
  const std::string text = given.value(name);
  const auto size = parse_size(text);
  if (text != "-1" && (!size || *size > INT64_MAX))
    return fail(request_error("--" + std::string(name), "is no size", "64m, 1g, bytes, or -1"));
  value = text == "-1" ? -1 : static_cast<std::int64_t>(*size);
  return {};
}

template <typename Number>
Status take_number(const CommandLine& given, const char* name, std::optional<Number>& value) {
  if (!given.has(name)) return {};
  const std::string text = given.value(name);
  const auto number =
      parse_decimal(text, static_cast<std::uint64_t>(std::numeric_limits<Number>::max()));
  const bool unlimited = std::is_signed_v<Number> && text == "-1";
  if (!number && !unlimited)
    return fail(request_error("--" + std::string(name), "is no number that fits"));
  value = unlimited ? static_cast<Number>(-1) : static_cast<Number>(*number);
  return {};
}

Status take_memory(const CommandLine& given, oci::Memory& memory) {
  YETT_CHECK(take_size(given, "memory", memory.limit));
  YETT_CHECK(take_size(given, "memory-reservation", memory.reservation));
  return take_size(given, "memory-swap", memory.swap);
}

Status take_cpu(const CommandLine& given, oci::Cpu& cpu) {
  YETT_CHECK(take_number(given, "cpu-share", cpu.shares));
  YETT_CHECK(take_number(given, "cpu-quota", cpu.quota));
  YETT_CHECK(take_number(given, "cpu-period", cpu.period));
  YETT_CHECK(take_number(given, "cpu-burst", cpu.burst));
  YETT_CHECK(take_number(given, "cpu-rt-period", cpu.realtime_period));
  YETT_CHECK(take_number(given, "cpu-rt-runtime", cpu.realtime_runtime));
  YETT_CHECK(take_number(given, "cpu-idle", cpu.idle));
  cpu.cpus = given.value("cpuset-cpus", cpu.cpus);
  cpu.mems = given.value("cpuset-mems", cpu.mems);
  return {};
}

Result<oci::Resources> resources_of(const CommandLine& given) {
  oci::Resources resources;
  if (given.has("resources")) {
    YETT_TRY(const std::string text, oci::read_config_text(given.value("resources")));
    YETT_TRY(resources, oci::parse_resources(text, "resources"));
  }
  oci::Memory memory = resources.memory.value_or(oci::Memory{});
  YETT_CHECK(take_memory(given, memory));
  oci::Cpu cpu = resources.cpu.value_or(oci::Cpu{});
  YETT_CHECK(take_cpu(given, cpu));
  oci::BlockIo block_io = resources.block_io.value_or(oci::BlockIo{});
  YETT_CHECK(take_number(given, "blkio-weight", block_io.weight));
  YETT_CHECK(take_number(given, "pids-limit", resources.pids_limit));
  resources.memory = memory;
  resources.cpu = cpu;
  resources.block_io = block_io;
  return resources;
}

Status update(const CommandLine& given) {
  YETT_TRY(const oci::Resources resources, resources_of(given));
  return oci::update_container(oci_store(), given.places.front(), resources);
}

}  // namespace

int oci_update(int argc, char** argv) {
  const OciCommandLine line(kUpdateUsage, argc, argv);
  if (!line.good(1, 1)) return line.exit_status();
  return line.finish(update(line.arguments()));
}

}  // namespace yett
