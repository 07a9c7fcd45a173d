#!/bin/bash
# httpd against curl and against bad requests.
# waits: for clients that are slow, and for one that stops.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
site=$dir/site
mkdir -p "$site/sub/empty" "$site/a b"
echo '<p>root</p>' >"$site/index.html"
echo 'text' >"$site/file.txt"
echo '<p>sub</p>' >"$site/sub/index.html"
echo 'spaced' >"$site/a b/c d.txt"
: >"$site/nothing"
bytes 30000000 httpd >"$site/large.bin"
echo secret >"$dir/secret"
ln -s ../secret "$site/leak"
ln -s file.txt "$site/link"
mkfifo "$site/pipe"
url=http://$MNET

curl_()
{
    timeout 60 curl -sS --max-time 50 "$@"
}

get()
{
    curl_ "$url$1" -o "$dir/got" || fail "curl ended with status $?"
    cmp "$dir/got" "$site/$2" || fail 'it is not the file'
}

# code CODE CURL-ARGUMENT...
code()
{
    curl_ -o "$dir/got" -w '%{http_code}' --path-as-is "${@:2}" | expect "$1"
}

header()
{
    curl_ -o /dev/null -D - "${@:3}" "$url$1" | tr -d '\r' | grep -qix "$2" || fail "no '$2'"
}

# raw CODES REQUEST - sends the bytes (printf escapes) and expects just these status codes, and then
# the end.
raw()
{
    # shellcheck disable=SC2059 # a format on purpose
    printf "$2" | timeout 40 nc -N -w 35 $MNET 80 >"$dir/got" || fail "nc ended with status $?"
    grep -ao '^HTTP/1.1 [0-9]*' "$dir/got" | cut -d ' ' -f 2 | tr '\n' ' ' | sed 's/ $//' | expect "$1"
}

keep_alive()
{
    curl_ -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} ' "$url/" "$url/file.txt" "$url/sub/" | expect '1 0 0 '
}

large_in_parallel()
{
    for i in 1 2 3 4 5 6; do
        curl_ "$url/large.bin" -o "$dir/large$i" &
        clients="${clients:-} $!"
    done
    # shellcheck disable=SC2086 # words
    wait $clients
    for i in 1 2 3 4 5 6; do
        cmp "$site/large.bin" "$dir/large$i" || fail "transfer $i is not the file"
    done
}

slow_reader()
{
    curl_ --limit-rate 3M "$url/large.bin" | cmp - "$site/large.bin" || fail 'it is not the file'
}

aborted_downloads()
{
    for _ in 1 2 3 4 5; do
        timeout 0.2 curl -s --limit-rate 1M "$url/large.bin" -o /dev/null
    done
    get /file.txt file.txt
}

begins_and_stops()
{
    { printf 'GET / HT' && sleep 20; } | timeout 30 nc -w 25 $MNET 80 | head -n 1 | tr -d '\r' |
        expect 'HTTP/1.1 408 Request Timeout'
}

# part FIRST COUNT - just these bytes of a file.
part()
{
    curl_ -r "$1-$(($1 + $2 - 1))" "$url/large.bin" -o "$dir/got" || fail "curl ended with status $?"
    tail -c "+$(($1 + 1))" "$site/large.bin" | head -c "$2" | cmp - "$dir/got" || fail 'it is not that part'
}

# A download that was cut off goes on.
resume()
{
    head -c 12345678 "$site/large.bin" >"$dir/resumed"
    curl_ -C - "$url/large.bin" -o "$dir/resumed" || fail "curl ended with status $?"
    cmp "$dir/resumed" "$site/large.bin" || fail 'it is not the file'
}

# A client that has a page already does not get it again, until it changes.
etag()
{
    echo one >"$site/changing"
    sleep 3.5
    curl_ --etag-save "$dir/etag" "$url/changing" | expect one
    grep -q '^"' "$dir/etag" || fail "the tag is not a strong one: $(cat "$dir/etag")"
    code 304 --etag-compare "$dir/etag" "$url/changing"
    echo two >"$site/changing"
    curl_ --etag-compare "$dir/etag" "$url/changing" | expect two
    header /changing 'etag: W/".*"' # a moment ago; who knows what comes yet
}

long=$(printf 'a%.0s' $(seq 3000))
longer=$(printf '%.0s0123456789' $(seq 2000))
host='Host: x\r\n'

start "$MNET_DEBUG/examples/httpd-tap" "$site"
run get_root_is_index get / index.html
run get_file get /file.txt file.txt
run get_folder_is_its_index get /sub/ sub/index.html
run get_encoded_name get /a%20b/c%20d.txt 'a b/c d.txt'
run get_with_query get '/file.txt?x=1' file.txt
run get_dots_inside get /sub/../file.txt file.txt
run get_empty_file get /nothing nothing
run get_link_inside get /link link
run get_large_file get /large.bin large.bin
run type_of_text header /file.txt 'content-type: text/plain; charset=utf-8'
run folder_without_slash_moves code 301 "$url/sub"
run folder_without_slash_is_followed code 200 -L "$url/sub"
run folder_without_index_is_missing code 404 "$url/sub/empty/"
run missing_file code 404 "$url/none"
run link_that_leads_out code 404 "$url/leak"
run pipe_is_forbidden code 403 "$url/pipe"
run path_above_root code 400 "$url/../secret"
run path_above_root_encoded code 400 "$url/%2e%2e/secret"
run path_above_root_by_encoded_slash code 400 "$url/sub%2f..%2f..%2fsecret"
run path_with_zero code 400 "$url/file.txt%00.html"
run path_badly_encoded code 400 "$url/%zz"
run head_has_no_body code 200 -I "$url/file.txt"
run post_is_not_allowed code 405 -d x=1 "$url/"
run post_with_expectation_is_told_at_once code 405 -H 'Expect: 100-continue' -d x=1 "$url/"
run unknown_method code 501 -X BREW "$url/"
run keep_alive_uses_one_connection keep_alive
run pipelined_requests raw '200 404 200' "GET / HTTP/1.1\r\n${host}\r\nGET /none HTTP/1.1\r\n${host}\r\nHEAD / HTTP/1.1\r\n${host}\r\n"
run request_in_pieces raw '200' 'GET /file.txt HTTP/1.0\r\n\r\n'
run connection_close_ends_it raw '200' "GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n"
run body_is_skipped raw '200 200' "GET / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n${host}\r\n"
run chunked_body_is_skipped raw '200 200' "GET / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n"
run absolute_target raw '200' "GET http://x/file.txt HTTP/1.1\r\n${host}\r\n"
run no_host raw '400' 'GET / HTTP/1.1\r\n\r\n'
run two_hosts raw '400' "GET / HTTP/1.1\r\n${host}${host}\r\n"
run garbage raw '400' 'GET \001\002 HTTP/1.1\r\n\r\n'
run length_and_chunked raw '400' "GET / HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
run length_that_lies raw '400' "GET / HTTP/1.1\r\n${host}Content-Length: 5x\r\n\r\n"
run target_too_long raw '414' "GET /$long HTTP/1.1\r\n${host}\r\n"
run headers_too_large raw '431' "GET / HTTP/1.1\r\n${host}X: $longer\r\n\r\n"
run body_too_large raw '413' "GET / HTTP/1.1\r\n${host}Content-Length: 99999999\r\n\r\n"
run version_2 raw '505' "GET / HTTP/2.0\r\n${host}\r\n"
run version_0_9 raw '505' 'GET /\r\n\r\n'
run request_cut_short raw '400' 'GET / HTT'
run connect_is_not_allowed raw '405' "CONNECT x:80 HTTP/1.1\r\n${host}\r\n"
run blank_before_colon raw '400' "GET / HTTP/1.1\r\n${host}Content-Length : 5\r\n\r\nhello"
run options_of_the_server header / 'allow: GET, HEAD, OPTIONS' -X OPTIONS --request-target '*'
run range_is_sent_alone part 20000000 100000
run range_at_the_end_is_told header /file.txt 'content-range: bytes 3-4/5' -r -2
run range_behind_the_end_is_refused code 416 -r 5- "$url/file.txt"
run cut_download_resumes resume
run etag_spares_what_has_not_changed etag
run large_in_parallel large_in_parallel
run slow_reader slow_reader
run aborted_downloads_leave_the_server_well aborted_downloads
run request_that_stops_times_out begins_and_stops
run server_ends_in_order stop
