# Turns a table of system calls (name, number, tier, note; tab separated) into initialisers of
# SyscallEntry, so that nothing is parsed at run time. Unknown tiers stop the build.
BEGIN {
  FS = "\t"
  tier["allow"] = "allow"; tier["arg"] = "argument"; tier["lsm"] = "object"
  tier["notify"] = "notify"; tier["errno"] = "refuse"; tier["kill"] = "kill"
}
/^#/ || /^$/ { next }
{
  if (!($3 in tier) || $2 !~ /^[0-9]+$/) {
    printf "%s:%d: bad row: %s\n", FILENAME, FNR, $0 > "/dev/stderr"
    exit 1
  }
  printf "{\"%s\", %d, SyscallTier::%s, \"%s\", %d},\n", $1, $2, tier[$3], $4, FNR
}
