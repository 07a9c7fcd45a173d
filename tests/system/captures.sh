#!/bin/bash
# Frames that mnet sends, as tshark sees them: nothing malformed, no wrong checksum, no complaint
# without an explanation.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
if ! command -v tshark >/dev/null; then
    echo 'skip captures: there is no tshark'
    exit 0
fi
SOFTWARE='--no-checksum-offload --no-segmentation-offload'
CHECKS='-o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE'
BAD='_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 ||
     icmp.checksum.status == 0 || _ws.expert.severity == 0x800000'

# inspect FILE FILTER - no frame of the file may match; it must have some.
inspect()
{
    # shellcheck disable=SC2086 # words
    tshark -r "$1" $CHECKS -Y "$2" >"$dir/bad" 2>"$dir/tshark.err" || fail "tshark: $(head -n 1 "$dir/tshark.err")"
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
    [ "$(tshark -r "$1" -c 3 2>/dev/null | wc -l)" = 3 ] || fail 'nothing was captured'
}

# The segments with errors and bad checksums that the kernel has counted.
kernel_errors()
{
    awk '/^Tcp:/ && seen { for (i = 2; i <= NF; i++) if (name[i] == "InErrs" || name[i] == "InCsumErrors") n += $i }
         /^Tcp:/ { for (i = 2; i <= NF; i++) name[i] = $i; seen = 1 } END { print n + 0 }' /proc/net/snmp
}

everything()
{
    "$MNET_DEBUG/tests/linux_peer" half-close $MNET 7 2000000 || fail 'half-close'
    "$MNET_DEBUG/tests/linux_peer" parallel $MNET 7 50 || fail 'parallel'
    "$MNET_DEBUG/tests/linux_peer" reset $MNET 7 20 || fail 'reset'
    nc -w 2 $MNET 4444 </dev/null
    "$MNET_DEBUG/tests/linux_peer" datagram $MNET 4444 100
    ping -c 3 -i 0.05 -q $MNET || fail 'ping'
    ping -c 2 -i 0.05 -s 20000 -q $MNET || fail 'large ping'
}

session()
{
    errors=$(kernel_errors)
    OPTIONS="$1 --capture=$dir/$2.pcapng"
    start "$MNET_DEBUG/tests/mnet_peer" serve
    everything
    stop
    [ "$(kernel_errors)" = "$errors" ] || fail "the kernel counted $(($(kernel_errors) - errors)) bad segments"
}

# The kernel's own view, without offloads on either side, so that checksums are complete.
from_outside()
{
    dump "$dir/outside.pcapng"
    session "$SOFTWARE" inside
    end_dump
    inspect "$dir/outside.pcapng" "($BAD) && ip.src == $MNET"
}

# A healthy connection on a perfect link has no reason to send anything twice.
no_needless_retransmission()
{
    OPTIONS="$SOFTWARE --capture=$dir/healthy.pcapng"
    start "$MNET_DEBUG/tests/mnet_peer" serve
    "$MNET_DEBUG/tests/linux_peer" half-close $MNET 7 5000000 || fail 'half-close'
    stop
    inspect "$dir/healthy.pcapng" "ip.src == $MNET && (tcp.analysis.retransmission || tcp.analysis.spurious_retransmission ||
        tcp.analysis.window_full && tcp.analysis.zero_window_probe || tcp.analysis.ack_lost_segment)"
}

# The inspection itself: bytes changed at random must not pass.
damage_is_found()
{
    editcap -E 0.0005 --seed 1 "$dir/software.pcapng" "$dir/damaged.pcapng" || fail 'editcap failed'
    inspect "$dir/damaged.pcapng" "$BAD"
    grep -q 'frames, first' "$dir/why" && rm "$dir/why"
}

run software_session session "$SOFTWARE" software
run software_capture_is_clean inspect "$dir/software.pcapng" "$BAD"
run damaged_capture_is_not_clean damage_is_found
run offload_session session '' offload
run offload_capture_of_mnet_is_clean inspect "$dir/offload.pcapng" \
    "(_ws.malformed || ip.checksum.status == 0 || (ip.src == $MNET && tcp.checksum.status == 0))"
run capture_from_outside_is_clean from_outside
run healthy_connection_retransmits_nothing no_needless_retransmission
