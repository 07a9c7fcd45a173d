#!/bin/bash
# A connection of two simulated hosts is drawn as a page, which a browser shows.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
plot=$(dirname "$0")/../../scripts/plot

# simulate FOLDER - a file of 2 MB is fetched over a link with losses. It is made once: its ETag
# has its time.
simulate()
{
    mkdir -p "$1"
    if [ ! -e "$1/file" ]; then
        bytes 2000000 plot >"$1/file"
        sleep 3 # it has a weak ETag until then
    fi
    "$MNET_RELEASE/tools/sim_demo" --capture="$1.pcapng" --trace="$1.trace" "$1" file >"$1.out" || fail "$(cat "$1.out")"
}

draws()
{
    simulate "$dir/site"
    "$plot" --trace="$dir/site.trace" --output="$dir/plot.html" "$dir/site.pcapng" >"$dir/said" || fail 'it does not draw'
    grep -q "^$dir/plot.html: 10.0.0.2:80 to 10.0.0.1:[0-9]*, [0-9]* segments, [0-9]* of them again$" "$dir/said" || fail "$(cat "$dir/said")"
    python3 - "$dir/plot.html" <<'EOF' || fail 'the page has something else'
import json, re, sys
page = open(sys.argv[1]).read()
plot = json.loads(re.search(r'const plot = (\{.*\});', page).group(1))
capture, trace = plot['capture'], plot['trace']
assert max(last for _, _, last in capture['data']) > 2000000, 'not all of the file'
assert len(capture['again']) > 5 and len(capture['sack']) > 5, 'no loss'
assert capture['ack'] == sorted(capture['ack']), 'acknowledgements out of order'
assert all(10 <= rtt < 500 for _, rtt in capture['rtt']), 'a round trip of 10 ms takes longer'
assert len(trace['cwnd']) > 100 and trace['ssthresh'] and trace['rtt_us'], 'no trace'
assert max(last for _, _, last in trace['sent']) > 2000000, 'the trace has not all segments'
def total(segments): return sum(last - first for _, first, last in segments)
lacking = total(capture['data']) + total(capture['again']) - total(trace['sent'])
assert 0 <= lacking <= 2, f'{lacking} bytes are in the capture only' # SYN and FIN have no text
acked = [{ack for _, ack in acks if ack > 1} for acks in (trace['acked'], capture['ack'])] # of text
assert acked[0] == acked[1], f'other acknowledgements: {acked[0] ^ acked[1]}'
assert len(trace['cwnd']) >= len(trace['sent']) + len(trace['acked']), 'a segment without a state'
assert not re.search(r'(src|href)=', page), 'it refers to another file'
EOF
}

# The same seed gives the same picture.
draws_the_same_again()
{
    simulate "$dir/site"
    "$plot" --trace="$dir/site.trace" --output="$dir/again.html" "$dir/site.pcapng" || fail 'it does not draw'
    cmp "$dir/plot.html" "$dir/again.html" || fail 'another picture'
}

browser_shows()
{
    timeout 60 "$browser" --no-sandbox --disable-gpu --window-size=1200,1100 --screenshot="$dir/plot.png" "file://$dir/plot.html" ||
        fail "the browser ended with status $?"
    [ "$(stat -c %s "$dir/plot.png")" -gt 20000 ] || fail 'an empty picture'
    timeout 60 "$browser" --no-sandbox --disable-gpu --dump-dom "file://$dir/plot.html" >"$dir/dom"
    grep -q '<title>4 plots: 10.0.0.2:80 to 10.0.0.1:' "$dir/dom" || fail 'the script has not come to its end'
}

# says TEXT ARGUMENT... - status 1, and this line.
says()
{
    "$plot" "${@:2}" >"$dir/out" 2>&1
    [ $? = 1 ] || fail "status $?"
    grep -qx -e "$1" "$dir/out" || fail "it said: $(cat "$dir/out")"
    [ "$(wc -l <"$dir/out")" = 1 ] || fail 'it said more than a line'
}

wrong_words()
{
    says 'plot: .*none.*' "$dir/none"
    says 'plot: --stream=9: the capture has 0 to 0' --stream=9 "$dir/site.pcapng"
    says "plot: $dir/none: No such file or directory" --trace="$dir/none" "$dir/site.pcapng"
    echo '1.0 ESTABLISHED 10.0.0.9:1 10.0.0.8:2 cwnd=1' >"$dir/other"
    says "plot: $dir/other: it has no line about 10.0.0.2:80 10.0.0.1:[0-9]*" --trace="$dir/other" "$dir/site.pcapng"
}

if ! command -v tshark >/dev/null; then
    echo 'skip plot: there is no tshark'
    exit 0
fi
run connection_is_drawn draws
run same_seed_gives_the_same_picture draws_the_same_again
browser=$(command -v chromium-headless-shell) || browser=$(command -v chromium)
if [ -n "$browser" ]; then
    run browser_shows_all_plots browser_shows
else
    echo 'skip browser_shows_all_plots: there is no headless Chromium'
fi
run wrong_words_are_told wrong_words
