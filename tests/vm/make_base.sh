#!/bin/sh
# make_base.sh CACHE: makes CACHE/base-KEY.sqfs, the userland of the guest, from the files of the
# packages in packages.txt as they are installed on this host, and prints its path. The key is made
# of the packages' versions: an upgrade or a change of the list makes a new one. More packages may be
# named in YETT_VM_MORE_PACKAGES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/vm/lib.sh
. "$here/lib.sh"

cache=$1

wanted() {
  # shellcheck disable=SC2086  # a list of words
  { cat "$here/packages.txt"; printf '%s\n' ${YETT_VM_MORE_PACKAGES:-}; } | sed 's/#.*//; s/ //g; /^$/d'
}

# "name version" of each wanted package that is installed and of all that it depends on. Where a
# dependency has alternatives, every installed one comes along.
closure() {
  dpkg-query -W -f '${db:Status-Status}\t${Package}\t${Version}\t${Provides}\t${Pre-Depends},${Depends}\n' |
    awk -F '\t' -v wanted="$(wanted | tr '\n' ' ')" '
      function bare(text) { gsub(/\([^)]*\)|:[a-z0-9]+| /, "", text); return text }
      $1 != "installed" { next }
      { version[$2] = $3; needs[$2] = bare($5); given[$2] = given[$2] "," $2
        count = split(bare($4), names, ",")
        for (i = 1; i <= count; i++) given[names[i]] = given[names[i]] "," $2 }
      function visit(name,   givers, number, i) {
        number = split(given[name], givers, ",")
        for (i = 1; i <= number; i++) if (givers[i] != "") take(givers[i])
      }
      function take(name,   parts, number, i) {
        if (name in taken) return
        taken[name] = 1
        print name, version[name]
        number = split(needs[name], parts, /[,|]/)
        for (i = 1; i <= number; i++) if (parts[i] != "") visit(parts[i])
      }
      END { number = split(wanted, first, " ")
            for (w = 1; w <= number; w++) {
              if (!(first[w] in version)) print "vm: not installed here, left out: " first[w] >"/dev/stderr"
              else take(first[w]) } }'
}

# Paths, relative to /, of all files of the packages named on stdin. Documentation stays away, and
# /bin, /lib, /sbin are links into /usr.
package_files() {
  while read -r name _; do
    cat "/var/lib/dpkg/info/$name.list" "/var/lib/dpkg/info/$name:"*.list 2>/dev/null || true
  done |
    grep -Ev '^/usr/share/(doc|man|info|locale|lintian|bug|zoneinfo|i18n)(/|$)|^/(boot|run|proc|sys|dev|tmp)(/|$)' |
    sed -E 's,^/(bin|sbin|lib|lib32|lib64|libx32)(/|$),/usr/\1\2,; s,^/,,; /^\.?$/d'
  find /usr/bin /usr/sbin -lname '/etc/alternatives/*' | sed 's,^/,,'
  find /usr/lib/python3.* -name '*.pyc' 2>/dev/null | sed 's,^/,,'
  find /etc/alternatives /etc/ssl /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d | sed 's,^/,,'
}

only_existing() {
  while read -r path; do
    if [ -e "/$path" ] || [ -L "/$path" ]; then printf '%s\n' "$path"; fi
  done
}

# The few files that no package owns: accounts, names, and the links of a merged /usr.
made_up() {
  mkdir -p "$1/etc" "$1/root" "$1/home" "$1/srv" "$1/opt" "$1/mnt" "$1/tmp" "$1/run" "$1/proc" "$1/sys" \
    "$1/dev" "$1/var/tmp"
  chmod 700 "$1/root"
  for link in bin sbin lib lib64; do ln -s "usr/$link" "$1/$link"; done
  grep -E '^(root|daemon|bin|sys|nobody|www-data|redis):' /etc/passwd >"$1/etc/passwd"
  grep -E '^(root|daemon|bin|sys|adm|tty|disk|shadow|nogroup|www-data|redis):' /etc/group >"$1/etc/group"
  echo 'root:*not-a-password*:19000:0:99999:7:::' >"$1/etc/shadow"
  chmod 640 "$1/etc/shadow"
  echo yett-guest >"$1/etc/hostname"
  printf '127.0.0.1 localhost yett-guest\n::1 localhost\n' >"$1/etc/hosts"
  echo 'nameserver 127.0.0.1' >"$1/etc/resolv.conf"
  printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' >"$1/etc/nsswitch.conf"
}

need mksquashfs squashfs-tools
need dpkg-query dpkg
need busybox busybox-static

mkdir -p "$cache"
work=$(mktemp -d "$cache/base.XXXXXX")
trap 'rm -rf "$work"' EXIT
closure | sort >"$work/packages"
key=$(cat "$work/packages" "$0" | sha256sum | cut -c1-16)
base=$cache/base-$key.sqfs
if [ ! -e "$base" ]; then
  say "packing $(wc -l <"$work/packages") packages of this host for the guest"
  made_up "$work/made"
  (cd "$work/made" && find . | sed 's,^\./,,') >"$work/made.list"
  package_files <"$work/packages" | sort -u | grep -Fxv -f "$work/made.list" | only_existing >"$work/files"
  # shellcheck disable=SC2046  # the names at the top are ours: no blanks in them
  tar --format=posix --numeric-owner --xattrs -cf - \
    -C / --no-recursion -T "$work/files" -C "$work/made" --recursion $(ls "$work/made") |
    squash "$work/base"
  mv "$work/base" "$base"
  prune "$cache" base- 2
fi
echo "$base"
