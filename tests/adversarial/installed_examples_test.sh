#!/bin/sh
# installed_examples_test.sh SOURCE BUILD: the examples as an application's author builds them, with what `install` puts
# into a tree and nothing else of ours, and what each of them does.
set -eu
source=$1 build=$2
if [ "$(id -u)" != 0 ]; then
  echo "needs root"
  [ "${YETT_REQUIRE_FULL:-}" = 1 ] && exit 1
  exit 77
fi
made=$(mktemp -d /tmp/yett-examples-XXXXXX)
daemon=
trap '[ -z "$daemon" ] || { kill "$daemon"; wait "$daemon" || true; }; rm -rf "$made"' EXIT
fail() {
  echo "FAILED: $*"
  exit 1
}
has() { # FILE LINE
  grep -qxF -- "$2" "$1" || fail "no line \"$2\" in: $(cat "$1")"
}

cmake --install "$build" --prefix "$made/tree" > /dev/null
pc=$(find "$made/tree" -name yett.pc)
flags() { PKG_CONFIG_PATH=${pc%/*} pkg-config "--define-variable=prefix=$made/tree" "$@" yett; }
# Words of a list of flags.
# shellcheck disable=SC2046
compile() { # COMPILER FOLDER/FILE NAME [FLAG...]
  compiler=$1 file=$2 name=$3
  shift 3
  "$compiler" -Wall -Wextra -Werror $(flags --cflags) -o "$made/$name" "$source/examples/$file" "$@" $(flags --libs)
}
compile cc plugin-host/plugin_host.c plugin_host
compile cc app-master/app_master.c app_master
compile cc app-master/enter_function.c enter_function
compile c++ plugin-host/plugin_host_asio.cpp plugin_host_asio -std=c++17
compile cc python-warm/warm_client.c warm_client
# A template runs inside, where there is no library of ours; what it does there, warm_examples_test.cpp asks.
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror $(flags --cflags) -o "$made/template" "$source/examples/python-warm/template.c"
cc -static -o "$made/plugin" "$source/examples/plugin-host/plugin.c"
cc -static -o "$made/app" "$source/examples/app-master/app.c"
libraries=$(find "$made/tree" -name libyett.so)
LD_LIBRARY_PATH=${libraries%/*}
export LD_LIBRARY_PATH

mkdir -p "$made/plugins/bin" "$made/packages" "$made/package/bin"
for name in upper crash hang spy; do cp "$made/plugin" "$made/plugins/bin/$name"; done
cp "$made/app" "$made/package/bin/app"
for name in notes crash thief; do
  "$build/bin/yett" pack "$made/package" "$made/packages/$name.sqfs" > "$made/packed" 2>&1 || fail "pack: $(cat "$made/packed")"
  mkdir -p "$made/data/$name"
  chown 1000:1000 "$made/data/$name"
done
"$build/bin/yettd" --socket "$made/socket" &
daemon=$!
for _ in $(seq 300); do
  [ ! -S "$made/socket" ] || break
  sleep 0.1
done

for host in plugin_host plugin_host_asio; do
  "$made/$host" "$made/socket" 6000 "$made/plugins" /bin/upper /bin/crash /bin/hang /bin/spy > "$made/said" || fail "$host"
  has "$made/said" "/bin/upper: HELLO"
  has "$made/said" "/bin/spy: nothing to see"
  has "$made/said" "/bin/crash: ended without an answer, status 134, signaled"
  has "$made/said" "/bin/hang: killed, for it did not answer"
done

for run in 1 2; do
  "$made/app_master" "$made/socket" "$made/packages" "$made/data" notes crash thief > "$made/said" 2> "$made/errors" ||
    fail "app_master: $(cat "$made/errors")"
  has "$made/said" "notes: $run"
  has "$made/said" "notes: ended, status 0, exited"
  has "$made/said" "thief: nothing to read, nothing to write, an /etc of its own"
  [ "$(grep -c "^crash: ended, status 134, signaled" "$made/said")" = 3 ] || fail "three starts: $(cat "$made/said")"
done

printf 'Dear reader, thank you.\n' > "$made/letter"
printf 'Dear %%n, thank you.\n' > "$made/trap"
"$made/enter_function" "$made/socket" "$made/plugins" "$made/letter" > "$made/said" || fail enter_function
has "$made/said" "4 words, read by user 1000, process 2"
"$made/enter_function" "$made/socket" "$made/plugins" "$made/trap" > "$made/said" || fail "enter_function with a trap"
has "$made/said" "the decoder died of signal 6"

[ "$(cat "$made/data/notes/notes")" = "a note
a note" ] || fail "what an app wrote stays"
exit 0
