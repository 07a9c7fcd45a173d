#!/bin/bash
# httpd by HTTP/2 against curl and the clients of nghttp2, in the clear and by TLS.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
if ! curl --version | grep -q HTTP2 || ! nm -D "${MNET_DEBUG:?}/examples/httpd-tap" | grep -q nghttp2; then
    echo 'skip http2: curl or httpd was built without nghttp2'
    exit 0
fi
enter_namespaces "$@"
site=$dir/site
mkdir -p "$site/sub/empty"
echo '<p>root</p>' >"$site/index.html"
echo 'text' >"$site/file.txt"
: >"$site/nothing"
bytes 20000000 http2 >"$site/large"
for i in 1 2 3 4; do
    bytes 3000000 "part $i" >"$site/part$i"
done
url=http://$MNET
knowing=--http2-prior-knowledge

curl_()
{
    timeout 60 curl -sS --max-time 50 "$@"
}

get()
{
    curl_ "${@:2}" -w '%{http_version}' "$url/$1" -o "$dir/got" >"$dir/version" || fail "curl ended with status $?"
    cmp "$dir/got" "$site/${1:-index.html}" || fail 'it is not the file'
    expect 2 <"$dir/version"
}

# answer FILE CURL-ARGUMENT... - status, header and body, but for what only one version has.
answer()
{
    empty "$dir/body"
    curl_ --path-as-is -D "$dir/head" -o "$dir/body" -w '%{http_code}\n' "${@:2}" >"$1" || fail "curl ended with status $?"
    # A tag is weak at first.
    grep -aEvi '^(HTTP/|connection:|date:)' "$dir/head" | tr 'A-Z' 'a-z' | sed 's/^etag: w./etag: /' >>"$1"
    case " $* " in
    *' --head '*) ;; # curl shows the header again
    *) cat "$dir/body" >>"$1" ;;
    esac
}

# One mechanism makes the answers of both versions: they are the same.
same_answers()
{
    printf '%s\n' / /file.txt /sub /none /../secret /sub/empty/ /nothing '/sub?query' /%00 "/$(printf 'x%.0s' {1..2100})" >"$dir/paths"
    while read -r path; do
        for arguments in '' '--range 1-2' '--range 900-' '-X OPTIONS' '-X PUT' --head '-X NONE' '-H If-None-Match:*' '-H Expect:x' \
            '-H Host:a_b:c' '--data xyz'; do
            # shellcheck disable=SC2086 # words
            answer "$dir/one" --http1.1 $arguments "$url$path"
            # shellcheck disable=SC2086 # words
            answer "$dir/two" $knowing $arguments "$url$path"
            cmp "$dir/one" "$dir/two" || fail "${path:0:20} $arguments: $(diff "$dir/one" "$dir/two" | tr '\n' ' ' | head -c 300)"
        done
    done <"$dir/paths"
}

upgrade_is_not_taken()
{
    curl_ --http2 -w '%{http_version}' -o /dev/null "$url/" | expect 1.1
}

# upload BYTES CODE - an answer, before or after all has been sent.
upload()
{
    head -c "$1" "$site/large" >"$dir/upload"
    curl_ $knowing -T "$dir/upload" -w '%{http_code}' -o /dev/null "$url/x" | expect "$2"
}

# No more than 1 MiB of a body is read.
long_upload_is_cut()
{
    timeout 20 nghttp -nv -d "$site/large" "$url/x" >"$dir/out" 2>&1
    grep -q ':status: 405' "$dir/out" || fail 'no answer'
    grep -A1 'recv RST_STREAM' "$dir/out" | grep -q NO_ERROR || fail 'it may go on'
    [ "$(grep -c 'send DATA' "$dir/out")" -lt 200 ] || fail 'all of it was sent'
}

metrics()
{
    curl_ $knowing "$url/metrics" >"$dir/got" || fail "curl ended with status $?"
    grep -q '^mnet_tcp_connections{state="ESTABLISHED"} 1$' "$dir/got" || fail "it says: $(head -c 300 "$dir/got")"
}

# Several files at a time on one connection.
parallel()
{
    url=https://host.example
    curl_ --http2 --cacert "$dir/server.pem" --resolve "host.example:443:$MNET" --parallel --parallel-max 4 \
        -w '%{num_connects} ' "$url/part[1-4]" -o "$dir/part#1" >"$dir/out" || fail "curl ended with status $?"
    tr ' ' '\n' <"$dir/out" | sort | tr -d '\n' | expect 0001
    for i in 1 2 3 4; do
        cmp "$site/part$i" "$dir/part$i" || fail "part $i is not the file"
    done
}

# load NAME URL ARGUMENT... - many small requests, many at a time.
load()
{
    timeout 60 h2load -n 2000 -c 10 -m 20 "${@:2}" "$1" >"$dir/out" 2>&1 || fail "status $?"
    grep -q 'status codes: 2000 2xx' "$dir/out" || fail "it says: $(grep 'status codes' "$dir/out")"
    note "$(sed -n 's/^finished in //p' "$dir/out")"
}

# More at a time than the server takes: those refused are asked again or given up, none hangs.
nghttp_shows_the_limits()
{
    timeout 20 nghttp -nv "$url/file.txt" >"$dir/out" 2>&1 || fail "status $?"
    grep -q 'SETTINGS_MAX_CONCURRENT_STREAMS(0x03):32' "$dir/out" || fail 'no limit of streams'
    grep -q ':status: 200' "$dir/out" || fail 'no answer'
}

tls()
{
    local file
    url=https://host.example
    for file in '' large; do
        get "$file" --http2 --cacert "$dir/server.pem" --resolve "host.example:443:$MNET"
    done
    curl_ --http1.1 --cacert "$dir/server.pem" --resolve "host.example:443:$MNET" -w '%{http_version}' -o /dev/null "$url/" | expect 1.1
}

start "$MNET_DEBUG/examples/httpd-tap" --metrics "$site"
run small_file get file.txt $knowing
run large_file get large $knowing
run answers_are_those_of_http_1_1 same_answers
run upgrade_is_not_taken upgrade_is_not_taken
run body_is_ignored upload 1000000 405
run metrics_are_served metrics
if command -v h2load >/dev/null; then
    run long_upload_is_cut long_upload_is_cut
    run nghttp_shows_the_limits nghttp_shows_the_limits
    run many_requests_at_a_time load "$url/file.txt"
fi
run httpd_ends_in_order stop
if command -v openssl >/dev/null && nm "$MNET_DEBUG/examples/httpd-tap" | grep -q mnet_tls_accept; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=host.example -days 2 -keyout "$dir/server.key" \
        -out "$dir/server.pem" -addext subjectAltName=DNS:host.example 2>"$dir/openssl.log"
    start "$MNET_DEBUG/examples/httpd-tap" "--tls-cert=$dir/server.pem" "--tls-key=$dir/server.key" "$site"
    run client_agrees_by_tls tls
    run several_files_on_one_connection parallel
    if command -v h2load >/dev/null; then
        run many_requests_by_tls load "https://$MNET/file.txt"
    fi
    run httpd_with_tls_ends_in_order stop
fi
