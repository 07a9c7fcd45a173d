#!/bin/bash
# An installed mnet, used as docs/unikernel.md says: the files of that page are taken out of it,
# built in a folder of their own by Meson and by a plain compiler, and run.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
project=$(cd "$(dirname "$0")/../.." && pwd)
installed=$dir/installed
user=$dir/user

# listing FILE TO [PAGE] - the block of docs/unikernel.md, or of another page, that follows the line
# which names the file.
listing()
{
    awk -v name="\`$1\`" '!found && index($0, name) { found = 1 } found && /^```/ { if (inside) exit; inside = 1; next } inside' \
        "$project/docs/${3-unikernel}.md" >"$2"
    [ -s "$2" ] || fail "docs/${3-unikernel}.md has no $1"
}

install_somewhere()
{
    DESTDIR=$installed meson install -C "$MNET_RELEASE" --no-rebuild >"$dir/log" || fail "$(tail -n 1 "$dir/log")"
    packages=$(dirname "$(find "$installed" -name mnet.pc)")
    export PKG_CONFIG_PATH=$packages PKG_CONFIG_SYSROOT_DIR=$installed
    for package in mnet mnet-tap mnet-sim mnet-virtio; do
        pkg-config --exists "$package" || fail "pkg-config does not know $package"
    done
    headers=$(dirname "$(find "$installed" -name mnet.h)")
    own=$project/include/mnet/*.h
    if [ -e "$MNET_RELEASE/tls/libmnet-tls.a" ]; then
        pkg-config --exists mnet-tls || fail 'pkg-config does not know mnet-tls'
        own="$own $project/tls/include/mnet/*.h"
    fi
    for header in $own; do
        cmp "$header" "$headers/$(basename "$header")" || fail "$(basename "$header") is not installed"
    done
}

# Each header is complete: it can be the first that a program includes, also one in C++.
headers_stand_alone()
{
    for header in $own; do
        echo "#include <mnet/$(basename "$header")>" >"$dir/header.c"
        # shellcheck disable=SC2046 # words
        cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(pkg-config --cflags mnet) "$dir/header.c" ||
            fail "$(basename "$header") does not stand alone"
        printf '%s\n' 'extern "C" {' "#include <mnet/$(basename "$header")>" '}' >"$dir/header.cc"
        # shellcheck disable=SC2046 # words
        g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(pkg-config --cflags mnet) "$dir/header.cc" ||
            fail "$(basename "$header") is not for C++"
    done
}

# own_loop FILE - a program with a loop of its own, which misuses a call.
own_loop()
{
    printf '%s\n' '#include <mnet/mnet.h>' '#include <stdio.h>' "${2-}" 'int main(void)' '{' '    struct mnet_config config = {0};' \
        '    struct mnet_stack *stack;' '    printf("%s\n", mnet_strerror(mnet_stack_open(&config, &stack)));' '    fflush(stdout);' \
        '    return mnet_stack_poll(NULL, 0);' '}' >"$1"
}

# libmnet alone has all that it needs; its own end of a program only stops.
library_links_alone()
{
    own_loop "$user/loop.c"
    # shellcheck disable=SC2046 # words
    cc -O2 -o "$user/loop" "$user/loop.c" $(pkg-config --cflags --libs mnet) >"$dir/log" 2>&1 || fail "$(head -n 1 "$dir/log")"
    (ulimit -c 0; "$user/loop" >"$dir/out" 2>"$dir/err")
    status=$?
    [ $status -gt 128 ] || fail "status $status after a misuse"
    grep -q '^invalid' "$dir/out" || fail "it said: $(cat "$dir/out")"
}

# own_panic LIBRARIES... - a mnet_panic of the program's own takes the place of the library's.
own_panic()
{
    own_loop "$user/panic.c" '_Noreturn void mnet_panic(const char *file, int line, const char *text)
        { printf("%s at %s:%d\n", text, file, line); fflush(stdout); _Exit(3); }'
    sed -i '1i #include <stdlib.h>' "$user/panic.c"
    # shellcheck disable=SC2046 # words
    cc -O2 -o "$user/panic" "$user/panic.c" $(pkg-config --cflags mnet) "$@" >"$dir/log" 2>&1 || fail "$(head -n 1 "$dir/log")"
    "$user/panic" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = 3 ] || fail "status $status"
    grep -q '^mnet_stack_poll: the stack is NULL at src/stack/poll.c:[0-9]*$' "$dir/out" || fail "it said: $(cat "$dir/out")"
}

# The shared library shows what the headers declare, and no more.
shared_library_shows_the_headers()
{
    (env -u CFLAGS meson setup "$dir/shared" "$project" -Dshared=true -Dtests=false -Dbench=false -Dsolo5=disabled &&
        ninja -C "$dir/shared" src/libmnet-shared.so) >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
    nm -D --defined-only "$dir/shared/src/libmnet-shared.so" | awk '{ print $3 }' | sort >"$dir/shown"
    [ "$(wc -l <"$dir/shown")" -gt 100 ] || fail "it shows only $(wc -l <"$dir/shown") symbols"
    ! grep -v '^mnet_' "$dir/shown" || fail 'it shows what is its own'
    while read -r symbol; do
        grep -qw "$symbol" "$project"/include/mnet/*.h || fail "no header has $symbol"
    done <"$dir/shown"
}

# In a build without tests the files that segments pass through are one object.
merged_library_echoes()
{
    ninja -C "$dir/shared" src/libmnet.a examples/echo-tap >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
    ar t "$dir/shared/src/libmnet.a" | grep -q '^mnet-merged.o$' || fail 'it is not merged'
    ! ar t "$dir/shared/src/libmnet.a" | grep -q '^tcp_input' || fail 'it has parts twice'
    echoes "$dir/shared/examples/echo-tap"
}

# With --version programs tell the version of the project.
version_is_the_projects()
{
    # shellcheck disable=SC2046 # words
    cc -o "$user/version" -x c - $(pkg-config --cflags mnet) <<'END' || fail 'it does not compile'
#include <mnet/mnet.h>
#include <stdio.h>
int main(void) { return puts(MNET_VERSION) < 0; }
END
    [ "$("$user/version")" = "$(pkg-config --modversion mnet)" ] || fail "it is $("$user/version")"
}

meson_build_has_ten_lines()
{
    lines=$(wc -l <"$user/meson.build")
    [ "$lines" -le 10 ] || fail "it has $lines"
}

meson_builds()
{
    (cd "$user" && env -u CFLAGS meson setup build) >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
    ninja -C "$user/build" >"$dir/log" 2>&1 || fail "$(grep -m 1 error "$dir/log")"
    [ -x "$user/build/hello-tap" ] || fail 'there is no hello-tap'
}

compiler_builds()
{
    for port in tap virtio; do
        # shellcheck disable=SC2046 # words
        cc -O2 -o "$user/hello-$port" "$user/hello.c" $(pkg-config --cflags --libs mnet-$port) || fail "it does not link for $port"
    done
}

# The project itself as a subproject of the user's.
subproject_builds()
{
    mkdir -p "$dir/parent/subprojects"
    cp "$user/hello.c" "$user/meson.build" "$dir/parent"
    ln -s "$project" "$dir/parent/subprojects/mnet"
    (cd "$dir/parent" && env -u PKG_CONFIG_PATH -u PKG_CONFIG_SYSROOT_DIR meson setup build --wrap-mode=forcefallback) \
        >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
    ninja -C "$dir/parent/build" >"$dir/log" 2>&1 || fail "$(grep -m 1 error "$dir/log")"
    DESTDIR=$dir/empty meson install -C "$dir/parent/build" >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
    [ -z "$(find "$dir/empty" -name '*mnet*' 2>/dev/null)" ] || fail 'it installs more than the user asked for'
}

# echoes PROGRAM - it answers Linux.
echoes()
{
    start "$1"
    echo hello >"$dir/sent"
    timeout 10 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    kill -INT "$mnet"
    wait "$mnet"
    grep -q '^listening on port 9000$' "$dir/mnet.out" || fail 'it does not say that it listens'
}

# machine_echoes PROGRAM - it boots, and answers Linux.
machine_echoes()
{
    qemu-system-x86_64 -M microvm -accel tcg -cpu max -m 32 -nodefaults -no-user-config -display none -serial stdio -no-reboot \
        -netdev tap,id=n,ifname=tap0,script=no,downscript=no -device virtio-net-device,netdev=n \
        -kernel "$1" -append "--ipv4=$MNET/24" </dev/null >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    echo hello >"$dir/sent"
    timeout 10 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    kill "$mnet"
    wait "$mnet"
    true # QEMU's own status
}

names_are_added()
{
    "$(find "$installed" -name mnet-image)" "$user/build/hello-virtio" "$user/hello.elf" || fail "status $?"
    [ "$(stat -c %s "$user/hello.elf")" -lt "$(stat -c %s "$user/build/hello-virtio")" ] || fail 'it did not become smaller'
}

# Of a program with more data than the 8 MiB of a block, all of which comes back.
large_image_unpacks()
{
    cat >"$user/large.c" <<'END'
#include <mnet/mnet.h>
#define MIB (1u << 20)
static uint32_t large[3 * MIB] = {[0] = 1, [5 * MIB / 2] = 2, [3 * MIB - 1] = 3};
int mnet_main(struct mnet_env *env)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < 3 * MIB; i++)
        sum += large[i] * (i % 7 + 1);
    mnet_print(env, "the sum is %u\n", sum);
    return 0;
}
END
    # shellcheck disable=SC2046 # words
    cc -O2 -o "$user/large" "$user/large.c" $(pkg-config --cflags --libs mnet-virtio) || fail 'it does not link'
    "$(find "$installed" -name mnet-image)" "$user/large" "$user/large.elf" || fail "status $?"
    timeout 20 qemu-system-x86_64 -M microvm -accel tcg -cpu max -m 64 -nodefaults -no-user-config -display none -serial stdio \
        -no-reboot -device isa-debug-exit -kernel "$user/large.elf" </dev/null >"$dir/out" 2>&1
    sum=$((1 + 2 * (5 * 1048576 / 2 % 7 + 1) + 3 * ((3 * 1048576 - 1) % 7 + 1)))
    tr -d '\r' <"$dir/out" | grep -qx "the sum is $sum" || fail "it said: $(cat "$dir/out")"
}

# refused WORDS ARGUMENT... - mnet-image must say just that, in one line, and fail.
refused()
{
    if "$(find "$installed" -name mnet-image)" "${@:2}" >"$dir/log" 2>&1; then
        fail "it took ${*:2}"
    fi
    expect "$1" <"$dir/log"
}

image_says_what_it_cannot_use()
{
    refused 'usage: mnet-image LINKED IMAGE'
    refused "objcopy: '$user/none': No such file" "$user/none" "$user/none.elf"
    refused "mnet-image: $user/build/hello-tap: this is no linked program of the virtio port" "$user/build/hello-tap" "$user/none.elf"
    refused "mnet-image: $user/none/hello.elf: No such file or directory" "$user/build/hello-virtio" "$user/none/hello.elf"
}

# The program of docs/machines.md, as it says.
program_builds()
{
    mkdir -p "$user/program"
    cp "$project/examples/programs/echo.c" "$user/program"
    listing meson.build "$user/program/meson.build" machines
    share=$(find "$installed" -type d -path '*/share/meson' -printf '%h')
    (cd "$user/program" && PATH=$(dirname "$(find "$installed" -name mnet-cc)"):$PATH && export PATH &&
        env -u CFLAGS XDG_DATA_DIRS="$share" meson setup --cross-file mnet-cc.ini build && ninja -C build) >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
}

# A program with mnet's calls, musl and OpenSSL.
program_with_tls_builds()
{
    [ -e "$(find "$installed" -name libmnet-tls-machine.a)" ] || return 0
    printf '%s\n' '#include <mnet/mnet.h>' '#include <mnet/tls.h>' '#include <stdio.h>' 'int mnet_main(struct mnet_env *env)' \
        '{' '    struct mnet_tls_context *context;' '    (void)env;' \
        '    return puts(mnet_tls_strerror(0)) < 0 ? 1 : mnet_tls_context_create(NULL, &context);' '}' >"$user/secured.c"
    "$(find "$installed" -name mnet-cc)" --tls -O2 -Wall -Werror -o "$user/secured.elf" "$user/secured.c" || fail 'it does not link'
}

mnet_cc_complains()
{
    compiler=$(find "$installed" -name mnet-cc)
    ! "$compiler" 2>"$dir/log" || fail 'it took nothing'
    expect 'mnet-cc: no input files; --help says what it does' <"$dir/log"
    ! MUSL=$user/none "$compiler" "$user/program/echo.c" 2>"$dir/log" || fail 'it took a musl that is not there'
    expect "mnet-cc: there is no musl in $user/none: install Debian's musl-dev" <"$dir/log"
    ! "$compiler" --files="$user/none" "$user/program/echo.c" 2>"$dir/log" || fail 'it took files that are not there'
    expect "mnet-cc: $user/none: cannot be read" <"$dir/log"
    ! "$compiler" "$user/program/echo.c" -lstdc++ 2>"$dir/log" || fail 'it took C++'
    expect "mnet-cc: C++ cannot be linked: Debian's libstdc++ is for glibc" <"$dir/log"
}

simulation_passes()
{
    # shellcheck disable=SC2046 # words
    cc -o "$user/hello_test" "$user/hello.c" "$user/hello_test.c" $(pkg-config --cflags --libs mnet-sim) || fail 'it does not link'
    timeout 20 "$user/hello_test" || fail "it ended with status $?"
}

# Each of Solo5's ABIs by the wrapper, and spt by Meson.
solo5_builds()
{
    for abi in spt hvt solo5-virtio; do
        # shellcheck disable=SC2046 # words
        x86_64-solo5-none-static-cc -O2 -o "$user/hello-$abi" "$user/hello.c" $(pkg-config --cflags --libs mnet-$abi) ||
            fail "it does not link for $abi"
        solo5-elftool query-abi "$user/hello-$abi" | grep -q "\"${abi#solo5-}\"" || fail "it is not for $abi"
    done
    mkdir "$user/solo5"
    cp "$user/hello.c" "$user/solo5.ini" "$user/solo5"
    sed "s/\['tap', 'virtio'\]/['spt']/" "$user/meson.build" >"$user/solo5/meson.build"
    (cd "$user/solo5" && env -u CFLAGS meson setup --cross-file solo5.ini build) >"$dir/log" 2>&1 || fail "$(tail -n 1 "$dir/log")"
    ninja -C "$user/solo5/build" >"$dir/log" 2>&1 || fail "$(grep -m 1 error "$dir/log")"
}

# spt_echoes IMAGE
spt_echoes()
{
    solo5-spt --mem=32 --net:service=tap0 -- "$1" --solo5:quiet --ipv4=$MNET/24 >"$dir/mnet.out" 2>"$dir/mnet.err" &
    guest=$!
    await ping -c 1 -W 1 -q $MNET
    echo hello >"$dir/sent"
    timeout 10 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    kill $guest
    wait $guest
    true # the tender's own status
}

mkdir "$user"
for file in hello.c hello_test.c meson.build solo5.ini; do
    run "page_has_$file" listing "$file" "$user/$file"
done
run installs_everything install_somewhere
run headers_stand_alone headers_stand_alone
run library_links_alone library_links_alone
# shellcheck disable=SC2046 # words
run own_panic_takes_the_place_of_the_librarys own_panic $(pkg-config --libs mnet)
run shared_library_shows_the_headers shared_library_shows_the_headers
run own_panic_takes_the_place_in_a_shared_library own_panic "$dir/shared/src/libmnet-shared.so" -Wl,-rpath,"$dir/shared/src"
if cc --version | grep -q 'Free Software Foundation'; then
    run merged_library_echoes merged_library_echoes
fi
run version_is_the_projects version_is_the_projects
run meson_build_has_ten_lines meson_build_has_ten_lines
run meson_builds_a_users_application meson_builds
run meson_built_application_echoes echoes "$user/build/hello-tap"
if command -v qemu-system-x86_64 >/dev/null; then
    run meson_built_machine_boots_and_echoes machine_echoes "$user/build/hello-virtio"
    run image_is_smaller_and_has_names names_are_added
    run large_image_unpacks large_image_unpacks
    run image_boots_and_echoes machine_echoes "$user/hello.elf"
    run image_says_what_it_cannot_use image_says_what_it_cannot_use
else
    echo 'skip meson_built_machine_boots_and_echoes: there is no qemu-system-x86_64'
fi
run compiler_builds_a_users_application compiler_builds
run compiler_built_application_echoes echoes "$user/hello-tap"
if command -v qemu-system-x86_64 >/dev/null; then
    run compiler_built_machine_echoes machine_echoes "$user/hello-virtio"
fi
if ! command -v qemu-system-x86_64 >/dev/null || [ ! -e /usr/lib/x86_64-linux-musl/libc.a ]; then
    echo 'skip mnet_cc_builds_a_program_for_meson: there is no qemu-system-x86_64 or no musl'
else
    run mnet_cc_builds_a_program_for_meson program_builds
    run program_with_tls_builds program_with_tls_builds
    run program_of_mnet_cc_echoes machine_echoes "$user/program/build/echo"
    run mnet_cc_says_what_is_wrong mnet_cc_complains
fi
run users_test_passes_in_virtual_time simulation_passes
run builds_as_a_subproject subproject_builds
run subproject_application_echoes echoes "$dir/parent/build/hello-tap"
if ! pkg-config --exists mnet-spt; then
    echo 'skip solo5_builds: it was built without the toolchain of Solo5'
elif ! command -v solo5-spt >/dev/null; then
    echo 'skip solo5_builds: there is no solo5-spt on PATH'
else
    run solo5_builds solo5_builds
    run compiler_built_guest_echoes spt_echoes "$user/hello-spt"
    run meson_built_guest_echoes spt_echoes "$user/solo5/build/hello-spt"
fi
