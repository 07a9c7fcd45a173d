#!/bin/bash
# TLS against others: httpd's by curl and OpenSSL, and fetch's by Python's and OpenSSL's servers.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
peers=$(cd "$(dirname "$0")/peers" && pwd)
if [ ! -x "${MNET_DEBUG:?}/examples/fetch-tap" ]; then
    echo 'skip https: it was built without OpenSSL'
    exit 0
fi
enter_namespaces "$@"
httpd=$MNET_DEBUG/examples/httpd-tap
fetch=$MNET_DEBUG/examples/fetch-tap
site=$dir/site
mkdir "$site"
echo '<p>root</p>' >"$site/index.html"
echo 'text' >"$site/file"
bytes 20000000 https >"$site/large"

# ---- Certificates ----

# issue NAME SUBJECT NAMES [ARGUMENT...] - NAME.pem and NAME.key, by the root.
issue()
{
    {
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$dir/$1.key" -out "$dir/$1.csr" &&
            printf 'subjectAltName=%s\n' "$3" >"$dir/$1.ext" &&
            openssl x509 -req -in "$dir/$1.csr" -CA "$dir/root.pem" -CAkey "$dir/root.key" -CAcreateserial \
                -extfile "$dir/$1.ext" -days 2 -out "$dir/$1.pem" "${@:4}"
    } 2>>"$dir/openssl.log"
}

# root NAME - a certificate that issues others.
root()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -days 2 -keyout "$dir/$1.key" \
        -out "$dir/$1.pem" -addext "subjectAltName=DNS:host.example" 2>>"$dir/openssl.log"
}

certificates()
{
    root root && root other && issue server host.example "DNS:host.example,IP:$MNET,IP:$LINUX" &&
        issue wrong wrong.example DNS:wrong.example && issue expired host.example DNS:host.example -days -1
}

# ---- httpd, by HTTP/1.1; http2.sh has HTTP/2 ----

curl_()
{
    timeout 60 curl -sS --http1.1 --max-time 50 --cacert "$dir/root.pem" --resolve "host.example:443:$MNET" "$@"
}

get()
{
    curl_ "${@:2}" "https://host.example/$1" -o "$dir/got" || fail "curl ended with status $?"
    cmp "$dir/got" "$site/${1:-index.html}" || fail 'it is not the file'
}

several_on_one_connection()
{
    curl_ -o /dev/null -o /dev/null -w '%{num_connects} %{http_code} ' "https://host.example/" "https://host.example/file" |
        expect '1 200 0 200 '
}

large_in_parallel()
{
    for i in 1 2 3 4; do
        curl_ https://host.example/large -o "$dir/large$i" &
        clients="${clients:-} $!"
    done
    # shellcheck disable=SC2086 # words
    wait $clients
    for i in 1 2 3 4; do
        cmp "$site/large" "$dir/large$i" || fail "transfer $i is not the file"
    done
}

# curl_fails STATUS ARGUMENT...
curl_fails()
{
    curl_ -o /dev/null "${@:2}"
    [ $? = "$1" ] || fail "curl ended with status $?"
}

s_client()
{
    timeout 20 openssl s_client -connect $MNET:443 -CAfile "$dir/root.pem" -verify_return_error -servername host.example "$@" 2>&1
}

client_of_openssl_verifies()
{
    printf 'GET /file HTTP/1.0\r\n\r\n' | s_client -ign_eof -verify_hostname host.example -alpn http/1.1 >"$dir/out" ||
        fail "status $?"
    grep -q '^Verify return code: 0 (ok)' "$dir/out" || fail 'it is not verified'
    grep -q '^ALPN protocol: http/1.1' "$dir/out" || fail 'no application protocol is agreed'
    grep -q '^text' "$dir/out" || fail 'there is no answer'
}

client_of_openssl_resumes()
{
    printf 'GET /file HTTP/1.0\r\n\r\n' | s_client -ign_eof -sess_out "$dir/session" >"$dir/out"
    printf 'GET /file HTTP/1.0\r\n\r\n' | s_client -ign_eof -sess_in "$dir/session" >"$dir/out"
    grep -q '^Reused, TLSv1.3' "$dir/out" || fail "it is new: $(grep TLSv1 "$dir/out" | head -n 1)"
}

plain_client_is_sent_away()
{
    timeout 20 curl -s --max-time 10 "http://$MNET:443/" -o /dev/null && fail 'it got an answer'
    get file
}

bad_certificates_end_the_program()
{
    for arguments in "--tls-cert=$dir/server.pem" "--tls-cert=$dir/server.pem --tls-key=$dir/root.key" \
        "--tls-cert=$dir/none --tls-key=$dir/server.key"; do
        # shellcheck disable=SC2086 # words
        "$httpd" --net:service=tap0 --ipv4=$MNET/24 $arguments "$site" >"$dir/out" 2>&1
        [ $? = 1 ] || fail "status $? of $arguments"
        [ "$(wc -l <"$dir/out")" = 1 ] || fail "it says: $(cat "$dir/out")"
    done
    grep -q "$dir/none: file cannot be read: No such file" "$dir/out" || fail "it says: $(cat "$dir/out")"
}

# ---- fetch ----

serve()
{
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=tap0 --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --log-facility=- \
        --local=/example/ --host-record=host.example,$LINUX >"$dir/dnsmasq.log" 2>&1 &
    dnsmasq=$!
    await grep -q started "$dir/dnsmasq.log"
}

# with CERTIFICATE COMMAND... - while a server has this certificate.
with()
{
    python3 "$peers/https_server.py" "$dir/$1.pem" "$dir/$1.key" "$site" >"$dir/server.log" 2>&1 &
    server=$!
    await listening 443
    "${@:2}"
    kill $server
    wait $server 2>/dev/null
    true
}

listening()
{
    ss -Hltn "sport = :$1" | grep -q LISTEN
}

fetch_()
{
    timeout 60 "$fetch" --net:service=tap0 --ipv4=$MNET/24 --dns=$LINUX --cacert="$dir/root.pem" "$@"
}

# fetches URL FILE ARGUMENT...
fetches()
{
    fetch_ "${@:3}" "$1" >"$dir/got" 2>"$dir/err" || fail "status $?: $(cat "$dir/err")"
    cmp "$dir/got" "$site/$2" || fail 'it is not the file'
}

# refuses URL WORDS ARGUMENT... - there is no file, and these words say why.
refuses()
{
    fetch_ "${@:3}" "$1" >"$dir/got" 2>"$dir/err"
    [ $? = 1 ] || fail "status $?"
    [ ! -s "$dir/got" ] || fail 'it wrote something'
    grep -q "$2" "$dir/err" || fail "it says: $(cat "$dir/err")"
}

# cut_answer_fails URL WORDS - a part of the file comes, and these words.
cut_answer_fails()
{
    fetch_ "$1" >"$dir/got" 2>"$dir/err"
    [ $? = 1 ] || fail "status $?"
    grep -q "$2" "$dir/err" || fail "it says: $(cat "$dir/err")"
}

part()
{
    fetch_ --range=1000000-1999999 https://host.example/large >"$dir/got" 2>"$dir/err" || fail "status $?: $(cat "$dir/err")"
    tail -c +1000001 "$site/large" | head -c 1000000 | cmp - "$dir/got" || fail 'it is not that part'
}

phases()
{
    fetch_ --times --output="$dir/got" https://host.example/large 2>"$dir/err" || fail "status $?: $(cat "$dir/err")"
    for phase in 'name known' connected secured 'first byte' 'last byte'; do
        grep -Eq "^$phase +[0-9]+\.[0-9]{3} s\$" "$dir/err" || fail "no '$phase': $(cat "$dir/err")"
    done
    grep -Eq '^bytes +20000000$' "$dir/err" || fail "it says: $(cat "$dir/err")"
    note "$(tr -s ' ' <"$dir/err" | tr '\n' ',')"
}

# On a terminal there is a bar, which ends at 100 %; elsewhere there is none.
bar()
{
    script -qec "timeout 60 $fetch --net:service=tap0 --ipv4=$MNET/24 --dns=$LINUX --cacert=$dir/root.pem --output=$dir/got https://host.example/large" \
        "$dir/terminal" >/dev/null || fail "status $?"
    grep -q '100 % \[==============================\] 20.0 MB' "$dir/terminal" || fail "it shows: $(tail -c 200 "$dir/terminal")"
    fetch_ --output="$dir/got" https://host.example/large 2>"$dir/err"
    [ ! -s "$dir/err" ] || fail "it says: $(cat "$dir/err")"
}

wireshark_reads_it()
{
    rm -f "$dir/secrets"
    fetches https://host.example/file file --key-log="$dir/secrets" --capture="$dir/capture"
    tshark -r "$dir/capture" -o "tls.keylog_file:$dir/secrets" -Y http -T fields -e http.request.uri -e http.response.code \
        2>/dev/null | tr -d '\t\n' | expect /file200
}

# openssl_serves ARGUMENT... - a server of OpenSSL has a file for fetch.
openssl_serves()
{
    (cd "$site" && exec openssl s_server -accept 4433 -cert "$dir/server.pem" -key "$dir/server.key" -WWW "$@") >"$dir/server.log" 2>&1 &
    server=$!
    await listening 4433
    fetches https://host.example:4433/file file
    kill $server
    wait $server 2>/dev/null
    true
}

old_version_is_refused()
{
    (cd "$site" && exec openssl s_server -accept 4433 -cert "$dir/server.pem" -key "$dir/server.key" -WWW -tls1_1 \
        -cipher DEFAULT@SECLEVEL=0) >"$dir/server.log" 2>&1 &
    server=$!
    await listening 4433
    refuses https://host.example:4433/file 'no common version or cipher'
    kill $server
    wait $server 2>/dev/null
    true
}

# BearSSL instead of OpenSSL, and no C library: the certificate and its key are the loader's file.
small_machine_serves()
{
    cat "$dir/server.pem" "$dir/server.key" >"$dir/both.pem"
    MACHINE=microvm MEM=16 MORE="-initrd $dir/both.pem" boot 05_secure
    await grep -q 'serving HTTPS' "$dir/mnet.out"
    curl_ --tls-max 1.2 https://host.example/ | expect secret
    curl_ https://host.example/ | expect secret
    curl_fails 60 --cacert "$dir/other.pem" https://host.example/
    printf 'GET / HTTP/1.0\r\n\r\n' | s_client -ign_eof -verify_hostname host.example -sess_out "$dir/session" >"$dir/out"
    printf 'GET / HTTP/1.0\r\n\r\n' | s_client -ign_eof -no_ticket -sess_in "$dir/session" >"$dir/out"
    grep -q '^Reused, TLSv1.2' "$dir/out" || fail "it is new: $(grep TLSv1 "$dir/out" | head -n 1)"
    timeout 20 curl -s --max-time 10 "http://$MNET:443/" -o /dev/null && fail 'it spoke without TLS'
    grep -q 'peer does not speak TLS: http request' "$dir/mnet.out" || fail "it says: $(tail -n 1 "$dir/mnet.out")"
    size=$(stat -c %s "$MNET_RELEASE/examples/05_secure-virtio")
    [ "$size" -lt 288000 ] || fail "the image has $size bytes"
    note "an image of $size bytes, in 16 MiB"
    end
}

# TLS 1.3 alone, and a version that is too old, are refused with an error of its own.
small_machine_refuses()
{
    MACHINE=microvm MEM=16 MORE="-initrd $dir/both.pem" boot 05_secure
    await grep -q 'serving HTTPS' "$dir/mnet.out"
    curl_fails 35 --tlsv1.3 https://host.example/
    grep -q 'no common version or cipher' "$dir/mnet.out" || fail "it says: $(tail -n 1 "$dir/mnet.out")"
    curl_ https://host.example/ | expect secret
    end
}

certificates || { echo "not ok certificates: $(tail -n 1 "$dir/openssl.log")"; exit 0; }
run bad_certificates_end_the_program bad_certificates_end_the_program
start "$httpd" "--tls-cert=$dir/server.pem" "--tls-key=$dir/server.key" "$site"
run curl_verifies_httpd get ''
run curl_gets_a_file_by_tls_1_2 get file --tls-max 1.2
run curl_gets_a_file_by_tls_1_3 get file --tlsv1.3
run curl_gets_a_large_file get large
run several_requests_on_one_session several_on_one_connection
run large_files_in_parallel large_in_parallel
run curl_refuses_another_root curl_fails 60 --cacert "$dir/other.pem" https://host.example/
run curl_refuses_another_name curl_fails 60 --resolve "else.example:443:$MNET" https://else.example/
run client_of_openssl_verifies client_of_openssl_verifies
run client_of_openssl_resumes client_of_openssl_resumes
run plain_client_is_sent_away plain_client_is_sent_away
run httpd_ends_in_order stop
if [ -e "$MNET_RELEASE/examples/05_secure-virtio" ] && command -v qemu-system-x86_64 >/dev/null; then
    run machine_with_bearssl_serves_https_without_a_c_library small_machine_serves
    run machine_with_bearssl_refuses_other_versions small_machine_refuses
fi
serve
with server run fetch_gets_a_file fetches https://host.example/file file
with server run fetch_gets_a_large_file fetches https://host.example/large large
with server run fetch_gets_chunks fetches https://host.example/chunked/large large
with server run fetch_gets_a_file_by_its_address fetches "https://$LINUX/file" file
with server run fetch_gets_a_file_without_tls fetches http://host.example/file file
with server run fetch_follows_redirects fetches https://host.example/moved/file file
with server run fetch_follows_from_http_to_https fetches http://host.example/up file
with server run fetch_does_not_follow_from_https_to_http refuses https://host.example/down 'from https to http'
with server run fetch_gives_up_circles refuses https://host.example/loop 'sent on 10 times'
with server run fetch_follows_to_http_only refuses https://host.example/nowhere 'no URL'
with server run fetch_gets_a_part part
with server run fetch_tells_the_status refuses https://host.example/none 'answers 404 NOT_FOUND'
with server run fetch_tells_that_an_answer_ends_early cut_answer_fails http://host.example/short/file 'the answer ends early'
with server run fetch_tells_that_a_session_is_cut cut_answer_fails https://host.example/short/file 'stream ended before the session'
with server run fetch_refuses_another_root refuses https://host.example/file 'untrusted issuer' --cacert="$dir/other.pem"
with server run fetch_trusts_no_root_of_its_own refuses https://host.example/file 'untrusted issuer' --cacert=/etc/ssl/certs/ca-certificates.crt
with wrong run fetch_refuses_another_name refuses https://host.example/file 'certificate of another name'
with wrong run fetch_believes_all_if_told_so fetches https://host.example/file file --insecure
with expired run fetch_refuses_an_expired_certificate refuses https://host.example/file 'certificate has expired'
with other run fetch_refuses_a_self_signed_certificate refuses https://host.example/file 'certificate is self-signed'
with server run fetch_speaks_no_tls_to_http refuses https://host.example:80/file 'peer does not speak TLS'
run fetch_without_a_server refuses https://host.example/file 'connection refused'
run fetch_without_a_name refuses https://none.example/file 'no such host name'
with server run fetch_shows_the_time_of_each_phase phases
if command -v script >/dev/null; then
    with server run fetch_shows_a_bar_on_a_terminal bar
fi
if command -v tshark >/dev/null; then
    with server run wireshark_reads_it_with_the_secrets wireshark_reads_it
fi
run server_of_openssl_serves_by_tls_1_3 openssl_serves -tls1_3
run server_of_openssl_serves_by_tls_1_2 openssl_serves -tls1_2
run older_versions_are_refused old_version_is_refused
kill $dnsmasq
