#!/bin/sh
# yett pack and yett inspect as they are called: results, exit statuses, messages, nothing left.
# A python3 of this host is packed whole and run in a chroot of its package.
set -eu
yett=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "$1"; exit 1; }

# expect STATUS TEXT COMMAND...: ends so, and says so on stderr in one line.
expect() {
  wanted=$1 text=$2 status=0
  shift 2
  "$@" >out 2>err || status=$?
  [ "$status" = "$wanted" ] || fail "$*: exit status $status, not $wanted: $(cat err)"
  grep -q -- "$text" err || fail "$*: does not say '$text' but: $(cat err)"
}

mkdir -p app/bin
echo 'echo hello' >app/bin/hello
printf 'name = "hello"\ncommand = "/bin/sh /bin/hello"\n[policy.limits]\npids = 8\n' >app/yett.toml

# What works.
for image in app.sqfs app.erofs; do
  "$yett" pack app "$image" >summary 2>notes || fail "pack app $image: $(cat notes)"
  grep -q "sha256 $(sha256sum "$image" | cut -d' ' -f1)" summary || fail "$image: wrong digest told"
  "$yett" inspect "$image" >table || fail "inspect $image"
  grep -q '^command .*/bin/sh /bin/hello' table || fail "$image: no command: $(cat table)"
  "$yett" inspect --json "$image" | grep -q '"name": "hello"' || fail "$image: no JSON"
done
"$yett" inspect app | grep -q '^kind *directory' || fail "inspect of a directory"
"$yett" pack --help | grep -q 'Examples' || fail "no examples in the help"
SOURCE_DATE_EPOCH=1000 "$yett" pack -q app epoch.sqfs
"$yett" inspect epoch.sqfs | grep -q '^created *1970-01-01T00:16:40Z' || fail "epoch is not kept"
"$yett" pack -q --add app/bin/hello:/opt/hello --command 'sh /opt/hello' added.sqfs
"$yett" inspect added.sqfs | grep -q '^command *sh /opt/hello' || fail "--add with --command"

# What does not.
expect 1 'app.sqfs: exists already (overwrite it with --force)' "$yett" pack app app.sqfs
expect 1 'nowhere: No such file' "$yett" pack nowhere out.sqfs
expect 1 'app/yett.toml: is not a directory' "$yett" pack app/yett.toml out.sqfs
expect 1 'no/out.sqfs.*No such file' "$yett" pack app no/out.sqfs
expect 1 'no-such-program: is not a program' "$yett" pack --from-host no-such-program out.sqfs
expect 1 'names the command already' "$yett" pack --command x app out.sqfs
expect 1 'unknown key .nmae.' sh -c 'echo nmae=1 >bad.toml; exec "$@"' sh "$yett" pack --manifest bad.toml app out.sqfs
expect 1 'SOURCE_DATE_EPOCH' env SOURCE_DATE_EPOCH=soon "$yett" pack app out.sqfs
expect 1 'neither a squashfs nor an EROFS image' "$yett" inspect bad.toml
expect 1 'none.sqfs: No such file' "$yett" inspect none.sqfs
expect 2 'must end in .sqfs or .erofs' "$yett" pack app out.zip
expect 2 'name the directory to pack' "$yett" pack out.sqfs
expect 2 'one directory only' "$yett" pack app app out.sqfs
expect 2 'SRC:DST' "$yett" pack --add x out.sqfs
expect 2 'block-size' "$yett" pack --block-size 5K app out.sqfs
expect 2 'nonsense' "$yett" pack --nonsense app out.sqfs
expect 2 'PACKAGE' "$yett" inspect
head -c 3000 app.erofs >cut.erofs
expect 1 'cut.erofs: damaged EROFS image' "$yett" inspect cut.erofs
[ ! -e out.sqfs ] || fail "a failed pack left its output"
! ls -d ./*.partial.* ./*.staging.* 2>/dev/null || fail "a failed pack left a file"

# A full disk, in a mount namespace of its own.
if [ "$(id -u)" = 0 ]; then
  head -c 8000000 /dev/urandom >app/random
  for image in full.sqfs full.erofs; do
    # shellcheck disable=SC2016 # expanded inside
    unshare -m sh -c '
      mkdir -p small && mount -t tmpfs -o size=2m none small || exit 9
      "$1" pack app "small/$2" >out 2>err && exit 8
      [ -z "$(ls small)" ] || exit 7
      grep -q "No space left" err || { cat err; exit 6; }' sh "$yett" "$image" ||
      fail "full disk, $image: $? (7: something left, 8: succeeded)"
  done
  rm app/random
fi

# The python3 of the host, alone: modules with libraries of their own, and certificates.
python='import ssl, sqlite3, json, threading, ctypes, hashlib, sys
assert sqlite3.connect(":memory:").execute("select 6*7").fetchone() == (42,)
hashlib.sha256(b"x"); print("alone", sys.prefix)'
"$yett" pack --level 3 --from-host python3 --command '/usr/bin/python3' py.sqfs >summary 2>&1
grep -Eq '(6[0-9]|7[0-9])\.[0-9] % smaller' summary || fail "python3: $(cat summary)"
rdsquashfs -q --chmod -u / -p py py.sqfs >/dev/null
if [ "$(id -u)" = 0 ]; then
  [ "$(chroot py /usr/bin/python3 -c "$python")" = "alone /usr" ] || fail "python3 does not run alone"
  [ "$(chroot py /bin/python3 -c 'print(1)')" = 1 ] || fail "/bin is not usr/bin"
fi
