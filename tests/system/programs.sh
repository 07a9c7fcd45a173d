#!/bin/bash
# Programs of a C library as machines: what mnet-cc links, on QEMU's microvm.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
project=$(cd "$(dirname "$0")/../.." && pwd)
compiler=$MNET_RELEASE/ports/virtio/mnet-cc
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'skip programs: there is no qemu-system-x86_64'
    exit 0
fi
if [ ! -e /usr/lib/x86_64-linux-musl/libc.a ]; then
    echo 'skip programs: there is no musl (musl-dev)'
    exit 0
fi
enter_namespaces "$@"
trap '' PIPE # a console may be gone
MACHINE=microvm
MEM=32

# compile NAME ARGUMENT... - examples/programs/NAME.c, or one of tests/system/peers, as $dir/NAME.
compile()
{
    source=$project/examples/programs/$1.c
    [ -e "$source" ] || source=$project/tests/system/peers/$1.c
    "$compiler" -O2 -Wall -Wextra -Werror -o "$dir/$1" "$source" "${@:2}" || fail "$1 does not link"
}

# program_command NAME - as machine_command, for a program in $dir.
program_command()
{
    machine_command "$1"
    for i in "${!command[@]}"; do
        [ "${command[i]}" != -kernel ] || command[i + 1]=$dir/$1
    done
}

# ends STATUS TEXT NAME ARGUMENT... - the program ends by itself with this status, and says TEXT (a
# pattern).
ends()
{
    program_command "$3"
    timeout 60 "${command[@]}" "--ipv4=$MNET/24 ${*:4}" </dev/null >"$dir/out" 2>"$dir/err"
    status=$?
    cat "$dir/out" "$dir/err"
    [ $status = "$1" ] || fail "status $status"
    grep -q -e "$2" "$dir/out" || fail "it said: $(head -n 1 "$dir/out")"
}

# begin NAME ARGUMENT... - in the background, until it says that it is listening.
begin()
{
    program_command "$1"
    empty "$dir/mnet.out"
    "${command[@]}" "--ipv4=$MNET/24 ${*:2}" </dev/null >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await grep -q listening "$dir/mnet.out"
}

finish()
{
    kill "$mnet"
    wait "$mnet"
    true # QEMU's own status
}

# ---- Calls ----

# The program checks what it does, as it would on Linux, and says what is wrong.
same_as_on_linux()
{
    compile "$1" || return 1
    "$MNET_RELEASE/tests/$1" check || fail "on Linux: status $?"
    ends 0 'all is well' "$1" check
}

# make CC=mnet-cc exports the name to mnet-cc itself.
compiles_as_cc()
{
    CC=$compiler timeout 30 "$compiler" -O2 -c -o "$dir/echo.o" "$project/examples/programs/echo.c" ||
        fail "status $?"
    "$compiler" -nostdlib -r -o "$dir/part.o" "$dir/echo.o" || fail 'objects are not linked into one'
    "$compiler" -o "$dir/echo" "$dir/part.o" || fail 'the object does not link'
}

# What build systems ask of a compiler is answered by it; what a user asks, by mnet-cc.
answers_build_systems()
{
    cc=${MNET_CC:-gcc}
    for question in -dumpmachine -dumpversion -print-prog-name=ld -print-file-name=include -v -V -qversion '-E -dM -'; do
        # shellcheck disable=SC2086 # words
        $cc $question </dev/null >"$dir/cc.out" 2>"$dir/cc.err"
        status=$?
        # shellcheck disable=SC2086 # words
        "$compiler" $question </dev/null >"$dir/out" 2>"$dir/err"
        [ $? = $status ] || fail "$question: status $?, and $status of $cc"
        [ "$question" = '-E -dM -' ] || cmp "$dir/cc.out" "$dir/out" || fail "$question is answered by: $(head -n 1 "$dir/out")"
        ! grep -q 'mnet-image\|undefined' "$dir/err" || fail "$question is linked: $(head -n 1 "$dir/err")"
    done
    "$compiler" --version >"$dir/out"
    [ "$(head -n 1 "$dir/out")" = "$($cc --version | sed -n 1p)" ] || fail 'its first line is no version of cc'
    grep -q '^mnet-cc [0-9]*\.[0-9]*\.[0-9]*:' "$dir/out" || fail 'it has no version of its own'
    MUSL=/none "$compiler" --help >"$dir/out" || fail '--help needs musl'
    for option in --files=ARCHIVE --linked=FILE --mnet --tls MNET_CC docs/machines.md qemu-system-x86_64; do
        grep -q -e "$option" "$dir/out" || fail "--help does not tell of $option"
    done
    "$compiler" 2>&1 | expect 'mnet-cc: no input files; --help says what it does'
    # A test as those of configure: with -v, too, it makes a machine.
    printf '%s\n' '#include <stdio.h>' 'int main(void) { return puts("it is linked") < 0; }' >"$dir/conftest.c"
    "$compiler" -v -o "$dir/conftest" "$dir/conftest.c" 2>"$dir/err" || fail 'a program with -v is not linked'
    ends 0 'it is linked' conftest
}

# Headers that musl lacks, and glibc's own do not work beside musl's.
headers_of_linux()
{
    printf '%s\n' '#include <stddef.h>' '#include <sys/cdefs.h>' '#include <sys/queue.h>' '__BEGIN_DECLS' 'int main __P((void));' '__END_DECLS' \
        'SLIST_HEAD(words, word);' 'struct word { SLIST_ENTRY(word) next; };' 'int main(void)' \
        '{ struct words all = SLIST_HEAD_INITIALIZER(all); return !SLIST_EMPTY(&all); }' >"$dir/headers.c"
    "$compiler" -O2 -Wall -Werror -c -o "$dir/headers.o" "$dir/headers.c" || fail "status $?"
}

compile_calls()
{
    [ -e "$dir/program_calls" ] || compile program_calls
}

# word WORD - the program is started with it, and must end as it says.
arguments_come_through()
{
    compile_calls
    ends 7 "words 'one' 'two words' home '/root' pid" program_calls --env=HOME=/root words one '"two words"'
    command=()
    program_command program_calls
    timeout 60 "${command[@]}" "-- --ipv4=$MNET/24 -- words --ipv4=none -- " </dev/null >"$dir/out" 2>&1
    grep -q "words '--ipv4=none' '--'" "$dir/out" || fail "it said: $(head -n 1 "$dir/out")"
}

report_of()
{
    compile_calls
    ends 255 "$1" program_calls "$2"
    grep -q '^rip [0-9a-f]\{16\}  rsp' "$dir/out" || fail 'it shows no registers'
}

out_of_memory()
{
    compile_calls
    ends 1 'it asks for 1028 KiB of memory, and [0-9]* KiB are left' program_calls memory
    grep -q 'malloc: Out of memory' "$dir/out" || fail 'the program does not know'
}

missing_call()
{
    compile_calls
    ends 7 'program_calls: system call 57, fork, is not there' program_calls fork
}

# The content of an archive, in the image or beside it, through a link and by a long name.
files_are_found()
{
    long=$(printf 'n%.0s' $(seq 150))
    mkdir -p "$dir/tree/etc"
    echo 'of the image' >"$dir/tree/etc/greeting"
    ln -sfn etc "$dir/tree/configuration"
    echo 'of a long name' >"$dir/tree/$long"
    tar -cf "$dir/tree.tar" -C "$dir/tree" .
    "$compiler" -O2 --files="$dir/tree.tar" -o "$dir/with_files" "$project/tests/system/peers/program_calls.c" ||
        fail 'it does not link'
    ends 0 'of the image' with_files files /configuration/greeting "/$long"
    grep -q 'of a long name' "$dir/out" || fail 'it does not find the long name'
    echo 'of the loader' >"$dir/tree/etc/greeting"
    tar --format=pax -cf "$dir/tree.tar" -C "$dir/tree" .
    MORE="-initrd $dir/tree.tar" ends 0 'of the loader' with_files files /etc/greeting "/$long"
    echo text >"$dir/text"
    MORE="-initrd $dir/text" ends 1 'with_files: its files are no tar archive' with_files files /etc/greeting
}

names_are_resolved()
{
    compile_calls
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=tap0 --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --log-facility=- \
        --local=/example/ --host-record=host.lab.example,10.9.8.7 >"$dir/dnsmasq.log" 2>&1 &
    dnsmasq=$!
    await grep -q started "$dir/dnsmasq.log"
    ends 0 'host is 10.9.8.7' program_calls --dns=$LINUX --search=lab.example name host
    kill $dnsmasq
    wait $dnsmasq
    true # dnsmasq's own status
}

# boot_with_console NAME ARGUMENT - boots a program in the background, until it listens. What is
# written to descriptor 3 is typed.
boot_with_console()
{
    program_command "$1"
    rm -f "$dir/console"
    mkfifo "$dir/console"
    "${command[@]}" "--ipv4=$MNET/24 $2" <"$dir/console" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    exec 3>"$dir/console"
    await grep -q listening "$dir/mnet.out"
}

# What is typed comes to the program, and Ctrl-C ends the machine in order.
console_is_read()
{
    compile_calls
    boot_with_console program_calls input
    echo 'some words' >&3
    await grep -q 'typed: some words' "$dir/mnet.out"
    end
}

# A program that handles SIGINT gets it from Ctrl-C, and ends as it wants to.
control_c_is_a_signal()
{
    [ -e "$dir/program_signals" ] || compile program_signals || return 1
    boot_with_console program_signals interrupted
    printf '\003' >&3
    wait $mnet
    status=$?
    exec 3>&-
    [ $status = 3 ] || fail "status $status"
    grep -q 'it was interrupted' "$dir/mnet.out" || fail "it said: $(tail -n 1 "$dir/mnet.out")"
}

# ---- A server ----

echoes()
{
    compile echo || return 1
    begin echo
    bytes 3000000 echo >"$dir/sent"
    timeout 60 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    for i in $(seq 40); do
        (echo "hello $i" | timeout 60 nc -N $MNET 9000 >"$dir/echo.$i") &
        clients[i]=$!
    done
    wait "${clients[@]}"
    for i in $(seq 40); do
        [ "$(cat "$dir/echo.$i")" = "hello $i" ] || fail "client $i got '$(cat "$dir/echo.$i")'"
    done
    finish
}

# ---- SQLite, Lua, OpenSSL: static libraries of Debian that were compiled for glibc ----

make_site()
{
    "$project/examples/programs/site/build" "$compiler" "$dir" || fail 'the server cannot be made'
    size=$(stat -c %s "$dir/site.elf")
    [ "$size" -lt 2000000 ] || fail "the image has $size bytes"
    note "images of $size and, with TLS, $(stat -c %s "$dir/site-tls.elf") bytes"
}

# A thousand clients are connected at once; each gets its page.
thousand_clients()
{
    MORE="-initrd $dir/content.tar" begin site.elf 80 /
    curl -sS -m 20 "http://$MNET/" | grep -q '<a href="/Neptune">' || fail 'there is no list'
    curl -sS -m 20 "http://$MNET/Pluto" | expect 'there is no such planet'
    timeout 100 python3 "$project/tests/system/peers/thousand_clients.py" "$MNET" 1000 || fail 'not all got a page'
    finish
}

https_page()
{
    MORE="-initrd $dir/content.tar" begin site-tls.elf 443 / /certificate.pem /key.pem
    get="curl -sS -m 20 --resolve site.example:443:$MNET https://site.example/Mars"
    $get --cacert "$dir/content/certificate.pem" | expect 'Mars: 1.52 au, 2 moons, visit 1'
    ! $get >/dev/null || fail 'curl believes any certificate'
    finish
}

# ---- Event loops of others ----

libuv_echoes()
{
    compile program_libuv -luv_a -ldl || return 1
    begin program_libuv
    grep -q 'a thread has returned 42, status 0' "$dir/mnet.out" || fail "it said: $(head -n 1 "$dir/mnet.out")"
    bytes 300000 uv >"$dir/sent"
    timeout 60 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    finish
}

libevent_answers()
{
    compile program_libevent -levent || return 1
    begin program_libevent
    grep -q 'by epoll' "$dir/mnet.out" || fail "it said: $(head -n 1 "$dir/mnet.out")"
    curl -sS -m 20 "http://$MNET/some/path" | expect 'you asked for /some/path'
    finish
}

# ---- mnet's calls beside the C library: httpd and fetch with TLS, in machines without a clock ----

# lease_of ADDRESS - dnsmasq gives it, and tells the servers of time and names; chronyd is there.
lease_of()
{
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=tap0 --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --log-facility=- \
        --dhcp-range="$1,$1" --dhcp-leasefile="$dir/leases" --dhcp-option=option:ntp-server,$LINUX --no-ping \
        --local=/example/ --host-record=host.lab.example,$LINUX --domain=lab.example >"$dir/dnsmasq.log" 2>&1 &
    servers=$!
    printf '%s\n' "bindaddress $LINUX" 'local stratum 5' 'allow 10.0.0.0/24' 'cmdport 0' "pidfile $dir/chronyd.pid" \
        'bindcmdaddress /' "driftfile $dir/drift" >"$dir/chronyd.conf"
    chronyd -x -d -U -u "$(id -un)" -f "$dir/chronyd.conf" >"$dir/chronyd.log" 2>&1 &
    servers="$servers $!"
    await grep -q started "$dir/dnsmasq.log"
}

# secured TEXT NAME ARGUMENT... - examples/NAME-machine, with the files of $dir/secured, until it
# says TEXT, or until its end if TEXT is "".
secured()
{
    machine_command "$2"
    for i in "${!command[@]}"; do
        [ "${command[i]}" != -kernel ] || command[i + 1]=$MNET_RELEASE/examples/$2-machine
    done
    tar -cf "$dir/secured.tar" -C "$dir/secured" .
    empty "$dir/mnet.out"
    rm -f "$dir/console"
    mkfifo "$dir/console"
    "${command[@]}" "--dhcp --log=info ${*:3}" -initrd "$dir/secured.tar" <"$dir/console" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    exec 3>"$dir/console"
    if [ -n "$1" ]; then
        await grep -q "$1" "$dir/mnet.out"
    else
        wait $mnet || fail "status $?"
    fi
}

# It knew no time at first, and then that of chronyd, within 5 s.
learned_the_time()
{
    [ "$(grep -c '^time: not known' "$dir/mnet.out")" = 1 ] || fail 'it had a clock'
    told=$(sed -n 's/^time: \(2.* UTC\).*/\1/p' "$dir/mnet.out")
    [ -n "$told" ] || fail 'it has no time'
    away=$(($(date +%s) - $(date -d "$told" +%s)))
    [ "${away#-}" -le 5 ] || fail "it is $away s away"
}

machine_serves_https()
{
    MACHINE=plain MEM=64 secured 'time: 2' httpd --tls-cert=/etc/server.pem --tls-key=/etc/server.key /site
    await grep -q 'serving https://10.0.0.50/' "$dir/mnet.out"
    learned_the_time
    get="curl -sS -m 20 --resolve host.lab.example:443:10.0.0.50 https://host.lab.example"
    $get/ --cacert "$dir/root.pem" -w '%{http_version} %{http_code}' | expect '<p>secured</p>2 200'
    $get/large --http1.1 --cacert "$dir/root.pem" -D "$dir/head" -o "$dir/got" || fail 'curl gets no large file'
    cmp "$dir/got" "$dir/secured/site/large" || fail 'it is not the file'
    grep -qi '^date: ' "$dir/head" || fail 'the answer has no date'
    $get/key --cacert "$dir/root.pem" -o /dev/null -w '%{http_code}' | expect 404
    ! $get/ >/dev/null || fail 'curl believes any certificate'
    note "an image of $(stat -c %s "$MNET_RELEASE/examples/httpd-machine") bytes, in 64 MiB"
    end
}

# The roots lie where Debian's OpenSSL looks for them; DNS, its search list and the time are DHCP's.
machine_fetches_https()
{
    python3 "$project/tests/system/peers/https_server.py" "$dir/secured/etc/server.pem" "$dir/secured/etc/server.key" \
        "$dir/secured/site" >"$dir/server.log" 2>&1 &
    servers="$servers $!"
    MACHINE=plain MEM=64 secured '' fetch --verbose https://host.lab.example/index.html
    grep -q '^secured: TLSv1.3' "$dir/mnet.out" || fail "it says: $(tail -n 2 "$dir/mnet.out" | head -n 1)"
    grep -q '<p>secured</p>' "$dir/mnet.out" || fail 'it did not get the file'
    learned_the_time
}

secured_files()
{
    mkdir -p "$dir/secured/etc" "$dir/secured/site" "$dir/secured/usr/lib/ssl"
    printf '<p>secured</p>' >"$dir/secured/site/index.html"
    bytes 1000000 secured >"$dir/secured/site/large"
    ln -sf ../etc/server.key "$dir/secured/site/key"
    (
        cd "$dir" || exit
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=root -days 2 -keyout root.key -out root.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=host -keyout secured/etc/server.key -out host.csr
        echo subjectAltName=DNS:host.lab.example >host.ext
        openssl x509 -req -in host.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile host.ext -days 2 \
            -out secured/etc/server.pem
    ) 2>"$dir/openssl.log"
    cp "$dir/root.pem" "$dir/secured/usr/lib/ssl/cert.pem"
}

# Of a size at which the network has its smallest share.
small_machine()
{
    compile_calls
    MEM=6 ends 7 "words 'one' home" program_calls words one
}

run mnet_cc_can_be_the_cc_of_make compiles_as_cc
run mnet_cc_has_headers_that_musl_lacks headers_of_linux
run mnet_cc_answers_users_and_build_systems answers_build_systems
run calls_are_as_on_linux same_as_on_linux program_calls
run signals_are_as_on_linux same_as_on_linux program_signals
run unix_sockets_are_as_on_linux same_as_on_linux program_unix
run arguments_and_environment_come_through arguments_come_through
run null_pointer_has_a_report report_of 'page fault: write at 0000000000000000 (a null pointer)' null
run stack_overflow_of_a_thread_has_a_report report_of 'page fault: .* (a stack has overflowed' overflow
run wild_pointer_in_a_call_has_a_report report_of 'page fault: read at 00007f0000000000' wild
run abort_ends_with_its_signal ends 135 'it ended itself by signal 6, SIGABRT' program_calls abort
run memory_ends_with_a_line out_of_memory
run missing_call_is_named missing_call
run machine_of_6_mib_runs_a_small_program small_machine
run files_come_from_an_archive files_are_found
if [ -n "$(PATH=$PATH:/usr/sbin command -v dnsmasq)" ]; then
    PATH=$PATH:/usr/sbin
    run names_are_resolved names_are_resolved
else
    echo 'skip names_are_resolved: there is no dnsmasq'
fi
run console_is_read_and_ends_the_program console_is_read
run control_c_is_a_signal_for_who_handles_it control_c_is_a_signal
run alarm_without_a_handler_ends_the_program ends 143 'by signal 14, SIGALRM' program_signals alarm
run sockets_and_threads_serve_many_clients echoes
if [ -e /usr/include/lua5.4/lua.h ] && [ -e /usr/include/sqlite3.h ] && [ -e /usr/include/openssl/ssl.h ]; then
    run sqlite_lua_and_openssl_link make_site
    run sqlite_and_lua_serve_a_thousand_clients_in_32_mib thousand_clients
    run openssl_serves_a_page_that_curl_verifies https_page
else
    echo 'skip sqlite_lua_and_openssl_link: there is no liblua5.4-dev, libsqlite3-dev or libssl-dev'
fi
if [ -e /usr/lib/x86_64-linux-gnu/libuv_a.a ] && [ -e /usr/lib/x86_64-linux-gnu/libevent.a ]; then
    run libuv_echoes libuv_echoes
    run libevent_answers libevent_answers
else
    echo 'skip libuv_echoes: there is no libuv1-dev or libevent-dev'
fi
if [ ! -e "$MNET_RELEASE/examples/httpd-machine" ] || ! command -v dnsmasq >/dev/null || ! command -v chronyd >/dev/null; then
    echo 'skip machine_serves_https_that_curl_verifies: there is no libssl-dev, dnsmasq or chronyd'
    exit 0
fi
secured_files
lease_of 10.0.0.50
run machine_learns_names_and_time_and_serves_https machine_serves_https
run machine_learns_names_and_time_and_fetches_https machine_fetches_https
# shellcheck disable=SC2086 # words
kill $servers
wait
