#!/bin/bash
# Bulk transfers between mnet and the Linux kernel, every byte verified by both ends: with the
# offloads of the TAP device and without.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
linux_peer=$MNET_RELEASE/tests/linux_peer
mnet_peer=$MNET_RELEASE/tests/mnet_peer
GIGABYTE=1073741824

linux_sends()
{
    start "$mnet_peer" serve
    "$linux_peer" send $MNET 9 $GIGABYTE || fail 'the transfer failed'
    stop
}

mnet_sends()
{
    start "$mnet_peer" serve
    "$linux_peer" receive $MNET 19 $GIGABYTE || fail 'the transfer failed'
    stop
}

# as_client ARGUMENT... - mnet_peer as a client of the kernel's server.
as_client()
{
    "$linux_peer" serve &
    server=$!
    await nc -z $LINUX 7
    # shellcheck disable=SC2086 # words
    "$mnet_peer" --net:service=tap0 --ipv4=$MNET/24 ${OPTIONS:-} "$@" || fail 'the transfer failed'
    kill $server
    wait $server # its ports are the next one's
    true
}

# The same, and both directions at once.
both_ways()
{
    start "$mnet_peer" serve
    "$linux_peer" half-close $MNET 7 300000000 || fail 'the transfer failed'
    stop
}

with_loss()
{
    start "$mnet_peer" --loss=10000 serve
    "$linux_peer" half-close $MNET 7 5000000 || fail 'the transfer failed'
    "$linux_peer" send $MNET 9 20000000 || fail 'the transfer failed'
    stop
}

# A checksum that neither end had a hand in: by nc and sha256sum.
by_nc()
{
    bytes 200000000 nc >"$dir/sent"
    "$MNET_RELEASE/examples/nc-tap" --net:service=tap0 --ipv4=$MNET/24 -l 5000 <"$dir/sent" | sha256sum >"$dir/sum_mnet" &
    await ping -c 1 -W 1 -q $MNET
    nc -N $MNET 5000 <"$dir/sent" | sha256sum >"$dir/sum_linux"
    wait
    sha256sum <"$dir/sent" | cmp - "$dir/sum_mnet" || fail 'mnet got something else'
    sha256sum <"$dir/sent" | cmp - "$dir/sum_linux" || fail 'Linux got something else'
}

run gigabyte_linux_to_mnet linux_sends
run gigabyte_mnet_to_linux mnet_sends
run gigabyte_mnet_client_sends as_client send $LINUX 9 $GIGABYTE
run gigabyte_mnet_client_receives as_client receive $LINUX 19 $GIGABYTE
run both_directions_at_once both_ways
run nc_both_directions_by_checksum by_nc
OPTIONS=--no-segmentation-offload
run no_segmentation_offload_gigabyte_linux_to_mnet linux_sends
run no_segmentation_offload_gigabyte_mnet_to_linux mnet_sends
OPTIONS='--no-checksum-offload --no-segmentation-offload'
run no_offload_gigabyte_linux_to_mnet linux_sends
run no_offload_gigabyte_mnet_to_linux mnet_sends
run no_offload_both_directions_at_once both_ways
run no_offload_one_percent_loss with_loss
OPTIONS='--no-checksum-offload --no-segmentation-offload --no-coalescing'
run no_coalescing_both_directions_at_once both_ways
OPTIONS=
run offload_one_percent_loss with_loss
ip link set tap0 mtu 9000
run mtu_9000_both_directions_at_once both_ways
ip link set tap0 mtu 576
run mtu_576_both_directions_at_once both_ways
