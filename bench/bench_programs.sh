#!/bin/bash
# bench_programs - programs of Debian on mnet (tools/mnet-run, over TAP) beside the same programs on
# the kernel (over a veth pair), asked by the same clients of Linux in the same run. Prints `name
# value unit reference ratio`, the better of two runs each. A program that is not there is skipped
# with a line.
. "$(dirname "$0")/world.sh"
SECONDS_EACH=2
run=$MNET_RELEASE/tools/mnet-run
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

if [ ! -x "$run" ] || ! "$run" --net:service=tap0 --ipv4=$MNET/24 -- true 2>"$dir/why"; then
    echo "bench_programs: mnet-run does not work here ($(tail -n 1 "$dir/why"))" >&2
    exit 0
fi

# has PROGRAM...
has()
{
    for program; do
        command -v "$program" >/dev/null || {
            echo "bench_programs: there is no $program" >&2
            return 1
        }
    done
}

# serve PORT PROGRAM ARGUMENT... - one server on mnet, with the options of mnet-run in OPTIONS, and
# one in the other namespace. Both listen afterwards.
serve()
{
    port=$1
    shift
    # shellcheck disable=SC2086 # words
    "$run" ${OPTIONS:-} --net:service=tap0 --ipv4=$MNET/24 -- "$@" >"$dir/mnet.log" 2>&1 &
    servers=($!)
    $inside "$@" >"$dir/linux.log" 2>&1 &
    servers+=($!)
    await nc -z -w 1 $MNET "$port"
    await nc -z -w 1 $VETH "$port"
}

end_servers()
{
    kill "${servers[@]}"
    wait "${servers[@]}" 2>/dev/null
}

# better FUNCTION ADDRESS... - the larger of two results.
better()
{
    for _ in 1 2; do
        "$@" || exit 1
    done | sort -n | tail -n 1
}

# figure NAME UNIT FUNCTION ARGUMENT... - FUNCTION prints a number for the address that it gets
# first.
figure()
{
    name=$1 unit=$2 what=$3
    shift 3
    ours=$(better "$what" $MNET "$@")
    reference=$(better "$what" $VETH "$@")
    awk -v name="$name" -v unit="$unit" -v ours="$ours" -v reference="$reference" \
        'BEGIN { printf "%s %.2f %s %.2f %.2f\n", name, ours, unit, reference, ours / reference }'
}

# ---- nginx ----

requests()
{
    wrk -t1 -c50 -d$SECONDS_EACH "${@:2}" "http://$1:8080/page" | awk '/Requests\/sec/ {print $2}'
}

# One takes 40 ms, so the mean of ten.
download()
{
    for _ in $(seq 10); do
        curl -s -o /dev/null -w '%{speed_download}\n' "http://$1:8080/large"
    done | awk '{sum += $1} END {print sum / NR * 8 / 1e9}'
}

if has nginx wrk curl; then
    mkdir "$dir/www"
    head -c 1000 /dev/urandom >"$dir/www/page"
    head -c 50000000 /dev/urandom >"$dir/www/large"
    chmod 755 "$dir" "$dir/www"
    # serve_pages SETTING... - of nginx, for its file.
    serve_pages()
    {
        cat >"$dir/nginx.conf" <<END
worker_processes 1; daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log;
events { worker_connections 1000; }
http {
    access_log off; sendfile on; $* keepalive_requests 1000000;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
    server { listen 8080; root $dir/www; }
}
END
        serve 8080 nginx -c "$dir/nginx.conf"
    }
    serve_pages
    figure programs_nginx_keepalive requests/s requests
    figure programs_nginx_connections requests/s requests -H 'Connection: close'
    figure programs_nginx_50_mb Gbit/s download
    end_servers
    serve_pages 'tcp_nopush on;'
    figure programs_nginx_nopush requests/s requests
    end_servers
    OPTIONS=--no-delay
    serve_pages 'tcp_nopush on;'
    figure programs_nginx_nopush_no_delay requests/s requests
    figure programs_nginx_connections_no_delay requests/s requests -H 'Connection: close'
    end_servers
    OPTIONS=
fi

# ---- iperf3 ----

iperf()
{
    iperf3 -c "$1" -t $SECONDS_EACH --json "${@:2}" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9)'
}

if has iperf3 python3; then
    serve 5201 iperf3 -s
    figure programs_iperf3_to Gbit/s iperf
    figure programs_iperf3_from Gbit/s iperf -R
    end_servers
fi

# ---- redis ----

redis()
{
    redis-benchmark -h "$1" -q --csv -n 40000 -t "$2" | awk -F '"' 'END {print $4}'
}

if has redis-server redis-benchmark; then
    serve 6379 redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --dir "$dir" --save '' --daemonize no
    figure programs_redis_set requests/s redis set
    figure programs_redis_get requests/s redis get
    end_servers
fi
