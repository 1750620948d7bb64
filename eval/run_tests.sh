#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
#   eval/run_tests.sh [OPTION...]
#
# What pping costs and what it misses: runs loads through a router, with one monitor after
# the other on it, writes down what every host counts each second, and makes a report of it.
# On one machine (root) the three hosts are network namespaces; with --hosts they are three
# machines. See eval/README.md. An interrupted run is taken up by the same command again.
#
#   --profile NAME        smoke (1 minute), quick (4), full (29; default), night (8 hours)
#   --output DIR          results and report (default pping-eval-PROFILE)
#   --hosts FILE          three machines: lines "ROLE SSH-DESTINATION INTERFACE ADDRESS",
#                         ROLE one of generator, router, sink; the router's ADDRESS is "-"
#   --ssh COMMAND         how to reach them (default: ssh with one connection for each)
#   --pping PATH          the program, on the router (default: the one beside eval/, or in PATH)
#   --loads "LOAD..."     these loads instead of the profile's (see eval/loads.sh)
#   --monitors "NAME..."  these monitors instead of the profile's (see eval/monitors.sh)
#   --monitor NAME=COMMAND    one more monitor, run by bash on the router; $IFACE is the interface
#   --load NAME=COMMAND       one more load, run by bash on the generator; $SINK is where to
#   --load-sink NAME=COMMAND  its other end, run on the sink before it
#   --capture FILE        a pcap file for the load "capture"
#   --repeats N, --seconds N, --warm-up N    of each run, instead of the profile's
#   --seed N              of the order and of made captures (default 1)
#   --delay US, --rate MBIT   in the path, one machine only: delay each way, rate limit to
#                         the sink
#   --switched            monitors take turns while a load goes on, eight pairs to each of
#                         --repeats loads (2); --loads and --monitors say which
#   --accuracy            only the accuracy runs: RTTs against a capture, ping and the path
#   --list                print the runs in their order, and how long they take
#   --keep-raw            keep what was captured and printed in each run
#   --no-report           leave plot_results.sh to you
set -u

EVAL_DIR=$(cd "$(dirname "$0")" && pwd) || exit 1
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin PYTHONDONTWRITEBYTECODE=1

# The question the study has to answer, written down before it runs: pping may be left on
# for ever if, in this load and as it comes, throughput is at least so much of none's.
THRESHOLD=0.97 THRESHOLD_LOAD=bulk-500 THRESHOLD_MONITOR=tc-r100

# In accuracy runs, each way: ping prints three digits, of less than 10 ms there and back to
# 10 us. Pings are so many seconds apart.
ACCURACY_DELAY_US=4000
PING_INTERVAL=0.02

say() { printf '%s\n' "$*"; }
die() {
    printf 'run_tests.sh: %s\n' "$*" >&2
    exit 1
}
usage_error() {
    printf 'run_tests.sh: %s\n' "$*" >&2
    exit 2
}
usage() { sed -n '4,37s/^#\( \|$\)//p' "$0"; }

# shellcheck source=eval/hosts.sh
. "$EVAL_DIR/hosts.sh"
# shellcheck source=eval/monitors.sh
. "$EVAL_DIR/monitors.sh"
# shellcheck source=eval/loads.sh
. "$EVAL_DIR/loads.sh"

# --- profiles ---------------------------------------------------------------------------

# "KIND LOAD REPEATS MONITOR..." a line. compare: as it is; stats: with the kernel timing BPF
# programs, which costs something itself; switched: the monitors take turns while one load runs,
# REPEATS such loads (plan.py), so that how the load happened to start says nothing; accuracy: see
# above.
profile_smoke() {
    SECONDS_OF_RUN=2 WARM_UP=1
    cat <<END
compare bulk-10 ${REPEATS:-1} none tc-r100 tc-r0
compare short-8 ${REPEATS:-1} tc-r0
stats bulk-10 1 tc-r0
accuracy paced-5 1 tc-r0
END
}

profile_quick() {
    SECONDS_OF_RUN=3 WARM_UP=1
    cat <<END
compare bulk-10 ${REPEATS:-3} none tc-r100 tc-r0 tc-nopush
compare bulk-500 ${REPEATS:-3} none tc-r100 tc-r0 tc-nopush
stats bulk-500 1 tc-r100 tc-r0
stats replay-50 1 tc-r100 tc-r0 tc-nopush
accuracy paced-50 1 tc-r0
END
}

profile_full() {
    SECONDS_OF_RUN=4 WARM_UP=1
    local n=${REPEATS:-5}
    cat <<END
compare bulk-1 $n none tc-r100 tc-r0
compare bulk-10 $n none tc-r100 tc-r0 tc-nopush
compare bulk-100 $n none tc-r100 tc-r0
compare bulk-500 $n none empty-tc empty-xdp tc-r100 tc-r0 tc-a1 tc-nopush xdp-r100 xdp-r0
compare bulk-500 $n none tc-r100
compare bulk-1000 $n none tc-r100 tc-r0
compare download-10 $n none empty-xdp tc-r100 xdp-r100
compare both-100 $n none tc-r100
compare paced-100 $n none tc-r100 tc-r0 tc-nopush
compare short-64 $n none tc-r100 tc-r0
compare replay-max $n none empty-tc tc-r100
stats bulk-1 1 tc-r100 tc-r0
stats bulk-100 1 tc-r100 tc-r0
stats bulk-1000 1 tc-r100 tc-r0
stats bulk-500 1 empty-tc tc-r100 tc-r0 tc-nopush
stats replay-50 2 empty-tc tc-r100 tc-r0 tc-nopush
stats samples-50 1 tc-r0
stats samples-100 1 tc-r0
stats samples-200 1 tc-r0 tc-nopush
accuracy paced-50 1 tc-r0 xdp-r0
switched bulk-500 2 none tc-r100
END
}

profile_night() {
    SECONDS_OF_RUN=15 WARM_UP=3
    local n=${REPEATS:-10} load
    for load in bulk-{1,10,100,500,1000} download-{1,10,500} both-100 paced-100 short-64; do
        echo compare "$load" "$n" none empty-tc empty-xdp tc-r100 tc-r0 tc-a1 tc-nopush xdp-r100 xdp-r0
        echo stats "$load" 2 empty-tc tc-r100 tc-r0 tc-nopush xdp-r100 xdp-r0
    done
    echo compare replay-max "$n" none empty-tc empty-xdp tc-r100 tc-r0 tc-nopush xdp-r100
    for load in replay-{50,100,200,300} samples-{50,100,200,300}; do
        echo stats "$load" 2 empty-tc tc-r100 tc-r0 tc-nopush
    done
    echo accuracy paced-50 5 tc-r0 xdp-r0
    echo accuracy paced-10 5 tc-r0 xdp-r0
    echo switched bulk-500 20 none empty-tc tc-r100 tc-r0
}

# The profile's runs, or those of --loads and --monitors; more monitors and loads with them.
plan_spec() {
    local load monitors=$MONITORS more=${!MONITOR_COMMAND[*]}
    if [ -n "$SWITCHED" ]; then
        [ -n "$LOADS${!LOAD_COMMAND[*]}" ] || LOADS=$THRESHOLD_LOAD
        for load in $LOADS "${!LOAD_COMMAND[@]}"; do
            echo "switched $load ${REPEATS:-2} ${monitors:-none $THRESHOLD_MONITOR} $more"
        done
    elif [ -n "$ACCURACY" ]; then
        echo "accuracy paced-50 ${REPEATS:-3} ${monitors:-tc-r0 xdp-r0} $more"
    elif [ -n "$LOADS_GIVEN$monitors" ]; then
        [ -n "$LOADS_GIVEN" ] || LOADS="bulk-10 bulk-500"
        for load in $LOADS "${!LOAD_COMMAND[@]}"; do
            echo "compare $load ${REPEATS:-5} ${monitors:-none tc-r100 tc-r0} $more"
        done
    else
        "profile_$PROFILE" | sed "/^compare .* tc-r0/s/$/ $more/"
        for load in "${!LOAD_COMMAND[@]}"; do
            echo "compare $load ${REPEATS:-5} none tc-r100 tc-r0 $more"
        done
    fi
}

# --- options ----------------------------------------------------------------------------

PROFILE=full OUTPUT='' HOSTS='' PPING='' LOADS='' LOADS_GIVEN='' MONITORS='' CAPTURE='' REPEATS='' SEED=1
DELAY=0 RATE=0 ACCURACY='' SWITCHED='' LIST='' KEEP_RAW='' REPORT=yes SECONDS_GIVEN='' WARM_UP_GIVEN=''
SSH="ssh -o BatchMode=yes -o ConnectTimeout=10 -o ControlMaster=auto -o ControlPersist=60
    -o ControlPath=/tmp/ppeval-ssh-%C"

# number OPTION VALUE LEAST MOST
number() {
    [[ $2 =~ ^[0-9]{1,9}$ ]] && [ "$((10#$2))" -ge "$3" ] && [ "$((10#$2))" -le "$4" ] ||
        usage_error "$1 takes a number from $3 to $4, not '$2'"
}

# named OPTION NAME=COMMAND: prints nothing, sets NAME and COMMAND
named() {
    NAME=${2%%=*} COMMAND=${2#*=}
    [[ $2 == *=?* && $NAME =~ ^[a-z][a-z0-9-]{0,30}$ ]] ||
        usage_error "$1 takes NAME=COMMAND, NAME of small letters, digits and -, not '$2'"
}

all_options=''
while [ $# -gt 0 ]; do
    option=$1 value=''
    case $option in
    --accuracy | --switched | --list | --keep-raw | --no-report | -h | --help) ;;
    --*=*)
        set -- "${option%%=*}" "${option#*=}" "${@:2}"
        continue
        ;;
    --profile | --output | --hosts | --ssh | --pping | --loads | --monitors | --monitor | --load | --load-sink | \
        --capture | --repeats | --seconds | --warm-up | --seed | --delay | --rate)
        [ $# -ge 2 ] || usage_error "$option needs a value"
        value=$2
        shift
        ;;
    *) usage_error "no such option: '$option' (--help lists them)" ;;
    esac
    shift
    # where it is written says nothing about it
    [ "$option" = --output ] || all_options+="${all_options:+ }$option${value:+ $(printf %q "$value")}"
    case $option in
    --profile)
        declare -F "profile_$value" >/dev/null || usage_error "--profile is smoke, quick, full or night, not '$value'"
        PROFILE=$value
        ;;
    --output) OUTPUT=$value ;;
    --hosts)
        [ -r "$value" ] || usage_error "--hosts: cannot read '$value'"
        HOSTS=$value
        ;;
    --ssh) SSH=$value ;;
    --pping) PPING=$value ;;
    --loads) LOADS=$value LOADS_GIVEN=yes ;;
    --monitors) MONITORS=$value ;;
    --monitor)
        named --monitor "$value"
        is_monitor "$NAME" && usage_error "--monitor: there is a monitor '$NAME' already"
        MONITOR_COMMAND[$NAME]=$COMMAND
        ;;
    --load)
        named --load "$value"
        is_load "$NAME" && usage_error "--load: there is a load '$NAME' already"
        LOAD_COMMAND[$NAME]=$COMMAND
        ;;
    --load-sink)
        named --load-sink "$value"
        LOAD_SINK[$NAME]=$COMMAND
        ;;
    --capture)
        [ -r "$value" ] || usage_error "--capture: cannot read '$value'"
        CAPTURE=$value
        ;;
    --repeats) number "$option" "$value" 1 1000 && REPEATS=$((10#$value)) ;;
    --seconds) number "$option" "$value" 1 3600 && SECONDS_GIVEN=$((10#$value)) ;;
    --warm-up) number "$option" "$value" 0 600 && WARM_UP_GIVEN=$((10#$value)) ;;
    --seed) number "$option" "$value" 0 999999999 && SEED=$((10#$value)) ;;
    --delay) number "$option" "$value" 0 1000000 && DELAY=$((10#$value)) ;;
    --rate) number "$option" "$value" 0 100000 && RATE=$((10#$value)) ;;
    --accuracy) ACCURACY=yes ;;
    --switched) SWITCHED=yes ;;
    --list) LIST=yes ;;
    --keep-raw) KEEP_RAW=yes ;;
    --no-report) REPORT='' ;;
    -h | --help)
        usage
        exit
        ;;
    esac
done
for NAME in "${!LOAD_SINK[@]}"; do
    [ -n "${LOAD_COMMAND[$NAME]:-}" ] || usage_error "--load-sink $NAME=... has no --load $NAME=..."
done
[ -z "$HOSTS" ] || [ "$DELAY$RATE" = 00 ] ||
    usage_error "--delay and --rate are of the path between namespaces; between machines, set it up yourself"
OUTPUT=${OUTPUT:-pping-eval-$PROFILE}

# --- the plan ---------------------------------------------------------------------------

make_plan() {
    local kind load rest name
    "profile_$PROFILE" >/dev/null # sets the times
    SECONDS_OF_RUN=${SECONDS_GIVEN:-$SECONDS_OF_RUN} WARM_UP=${WARM_UP_GIVEN:-$WARM_UP}
    SPEC=$(plan_spec) || exit
    [ -n "$SPEC" ] || usage_error "--loads names none"
    while read -r kind load rest; do
        is_load "$load" || usage_error "no such load: '$load' (see eval/loads.sh)"
        for name in ${rest#* }; do
            is_monitor "$name" || usage_error "no such monitor: '$name' (see eval/monitors.sh)"
        done
    done <<<"$SPEC"
    PLAN=$(/usr/bin/python3 "$EVAL_DIR/plan.py" "$SEED" <<<"$SPEC") || die "cannot make the plan"
    RUNS=$(wc -l <<<"$PLAN")
}

# warm_up LOAD: many flows take their time to connect
warm_up() {
    local count=${1#*-}
    [[ $count =~ ^[0-9]+$ ]] && [[ $1 != replay-* && $1 != samples-* ]] || count=0
    awk -v w="$WARM_UP" -v n="$count" 'BEGIN { print w + n / 500 }'
}

# How many seconds a run takes besides its own; corrected by what they do take.
OVERHEAD=1.6
# The numbers of the runs that are written down, whole.
declare -A WRITTEN=()

# planned_seconds: of the runs on stdin
planned_seconds() {
    awk -v s="$SECONDS_OF_RUN" -v w="$WARM_UP" -v o="$OVERHEAD" '
        { n = 0; if ($2 != "switched" && $3 ~ /^(bulk|download|both|paced|short)-/) { split($3, part, "-"); n = part[2] }
          sum += s + w + o + n / 500 }
        END { print sum + 0 }'
}

# what the runs of the plan take that are still to do, in words
time_left() {
    local run rest
    awk -v s="$(while read -r run rest; do
        [ -n "${WRITTEN[$run]:-}" ] || echo "$run $rest"
    done <<<"$PLAN" | planned_seconds)" 'BEGIN { if (s < 90) printf "%d s\n", s; else printf "%d min\n", s / 60 + 0.5 }'
}

# --- tools ------------------------------------------------------------------------------

# What the plan needs and a host doesn't have, all at once.
check_tools() {
    local need=() entry role tool package missing=() name where
    need=(gen:/usr/bin/python3:python3 router:/usr/bin/python3:python3 sink:/usr/bin/python3:python3 sink:ss:iproute2 gen:ping:iputils-ping
        gen:timeout:coreutils router:setsid:util-linux)
    if_remote || need+=(router:ip:iproute2 router:nsenter:util-linux)
    if_remote || [ "$DELAY$RATE" = 00 ] && ! grep -q '^accuracy' <<<"$SPEC" || need+=(router:cc:gcc)
    ! grep -q '^accuracy' <<<"$SPEC" || need+=(router:tcpdump:tcpdump)
    for name in $(cut -d' ' -f3 <<<"$PLAN" | sort -u); do
        # shellcheck disable=SC2207 # words
        need+=($(load_tools "$name"))
    done
    for entry in $(printf '%s\n' "${need[@]}" | sort -u); do
        IFS=: read -r role tool package <<<"$entry"
        tool_on "$role" "$tool" && continue
        where=''
        ! if_remote || where=" on ${HOST_DEST[$role]}"
        missing+=("$tool$where (package $package)")
    done
    [ -z "$REPORT" ] || command -v gnuplot >/dev/null || missing+=("gnuplot (package gnuplot-nox; or --no-report)")
    [ ${#missing[@]} = 0 ] ||
        die "missing: $(printf '%s\n' "${missing[@]}" | sort -u | paste -sd, | sed 's/,/, /g')"
}

tool_on() {
    if if_remote; then
        # shellcheck disable=SC2016 # for the other host
        remote_on "$1" sh -c 'PATH=$PATH:/usr/sbin:/sbin; command -v "$1"' - "$2" >/dev/null </dev/null
    else
        command -v "$2" >/dev/null
    fi
}

find_pping() {
    if [ -z "$PPING" ]; then
        PPING=pping
        if_remote || [ ! -x "$EVAL_DIR/../pping" ] || PPING=$(cd "$EVAL_DIR/.." && pwd)/pping
    fi
    PPING_VERSION=$(if if_remote; then
        remote_on router "$PPING" --version </dev/null
    else
        "$PPING" --version
    fi 2>&1 | head -1) && [[ $PPING_VERSION == *[0-9]* ]] && tool_on router "$PPING" ||
        die "cannot run $PPING${HOSTS:+ on ${HOST_DEST[router]}}: build it (make), install it, or say --pping PATH"
}

# --- one run ----------------------------------------------------------------------------

# sampler ROLE INTERFACE OPTION...: counts from $START on
sampler() {
    local role=$1 iface=$2 at
    shift 2
    at=$(awk -v a="$START" -v c="${HOST_CLOCK[$role]}" 'BEGIN { printf "%.6f", a + c }')
    agent "$role" start "sample-$role" $((SECONDS_OF_RUN + 60)) nice -n -10 /usr/bin/python3 \
        "${HOST_HOME[$role]}/sample.py" --at "$at" --seconds "$SECONDS_OF_RUN" --interface "$iface" "$@"
}

start_samplers() {
    local options=()
    [ "$MONITOR" = none ] || options=(--program "${HOST_STATE[router]}/monitor.pid"
        --errors "${HOST_STATE[router]}/monitor.err")
    [ "$KIND" != stats ] || options+=(--stats)
    sampler router "$ROUTER_IF" "${options[@]}" && sampler sink "$SINK_IF" && sampler gen "$GEN_IF"
}

sleep_until() {
    sleep "$(awk -v t="$1" -v now="$EPOCHREALTIME" 'BEGIN { d = t - now; print (d > 0 ? d : 0) }')"
}

after() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.6f", a + b }'; }

# What only an accuracy run has: a capture of the monitored interface, and ping.
start_witnesses() {
    [ "$KIND" = accuracy ] || return 0
    agent router start capture $((SECONDS_OF_RUN + 60)) tcpdump -i "$ROUTER_IF" -n -Z root -s 128 -B 131072 \
        --time-stamp-precision=nano -w "${HOST_STATE[router]}/capture.pcap" tcp or icmp &&
        agent router until 5 grep -q 'listening on' "${HOST_STATE[router]}/capture.err" &&
        agent gen start ping $((SECONDS_OF_RUN + 60)) ping -D -i "$PING_INTERVAL" "$SINK_ADDRESS"
}

# The kernel hands a capture over in blocks, up to a second late.
stop_witnesses() {
    [ "$KIND" = accuracy ] || return 0
    agent gen stop ping INT 5 >/dev/null
    sleep 1.2
    [ "$(agent router stop capture INT 20)" = 0 ]
}

# The load that the run before has left for this one, or nothing.
LOAD_LEFT=
# How long a load that goes on is given to get used to another monitor, in seconds.
SETTLING=0.5

# begin_load SECONDS: or go on with the one that runs; sets START, when to begin to count
begin_load() {
    local wait=$SETTLING
    if [ -z "$LOAD_LEFT" ]; then
        load_start "$LOAD" "$1" || STATUS="the load did not start"
        wait=$(warm_up "$LOAD")
    fi
    START=$(after "$EPOCHREALTIME" "$wait")
}

# end_load MORE: unless so many runs more have it
end_load() {
    LOAD_LEFT=
    if [ "$1" != 0 ] && [ "$STATUS" = ok ]; then
        LOAD_LEFT=$LOAD
    else
        load_stop
    fi
}

# run NUMBER KIND LOAD REPEAT MONITOR [MORE]: sets STATUS, why it is not "ok"
run() {
    local limit ended seconds more=${6:-0} options=()
    KIND=$2 LOAD=$3 MONITOR=$5 STATUS=ok START=$EPOCHREALTIME
    limit=$((SECONDS_OF_RUN + 90))
    seconds=$(awk -v w="$(warm_up "$LOAD")" -v s="$SECONDS_OF_RUN" -v n="$more" 'BEGIN { print int(w + s + 2 + n * (s + 5)) }')
    [ -n "$LOAD_LEFT" ] || load_prepare "$LOAD" "$seconds" || STATUS="the load cannot be made"
    [ "$KIND" != accuracy ] || [ -n "${MONITOR_COMMAND[$MONITOR]:-}" ] || options=(-TC)
    monitor_start "$MONITOR" "$limit" "${options[@]}" || STATUS="the monitor did not start"
    start_witnesses || STATUS="no capture"
    [ "$MONITOR" = none ] || sleep 0.4
    [ "$STATUS" != ok ] || begin_load "$seconds"
    [ "$STATUS" != ok ] || start_samplers || STATUS="the counters cannot be read"
    [ "$STATUS" = ok ] && sleep_until "$(after "$START" "$(after "$SECONDS_OF_RUN" 0.1)")"
    [ "$STATUS" != ok ] || load_alive || STATUS="the load ended early"
    end_load "$more"
    stop_witnesses || STATUS="the capture failed"
    ended=$(monitor_stop "$MONITOR")
    case $ended in
    '' | 0 | 130) ;;
    *) [[ -n "${MONITOR_COMMAND[$MONITOR]:-}" && $ended != killed ]] || STATUS="the monitor ended with $ended" ;;
    esac
    # however it ends when told to, it may not have ended before
    MONITOR_ENDED=$ended
    for role in gen router sink; do
        agent $role stop "sample-$role" TERM 3 >/dev/null
    done
}

# collect NUMBER KIND LOAD REPEAT MONITOR...: one line of runs.jsonl, and progress
collect() {
    local raw=$WORK/raw files=(sample-router.out sample-router.err) role delay=$DELAY
    rm -rf "$raw"
    mkdir "$raw" || die "cannot write to $WORK"
    [ "$5" = none ] || files+=(monitor.out monitor.err)
    [ "$2" != accuracy ] || files+=(capture.pcap capture.err)
    # of a run that failed some are missing
    fetch router "$raw" "${files[@]}" 2>/dev/null
    fetch gen "$raw" sample-gen.out sample-gen.err 2>/dev/null
    [ "$2" != accuracy ] || fetch gen "$raw" ping.out
    fetch sink "$raw" sample-sink.out sample-sink.err 2>/dev/null
    [ "$2" != accuracy ] || if_remote || delay=$ACCURACY_DELAY_US
    if_remote && delay=-1
    /usr/bin/python3 "$EVAL_DIR/collect.py" "$raw" --number "$1" --kind "$2" --load "$3" --repeat "$4" --monitor "$5" \
        --status "$STATUS" --ended "$MONITOR_ENDED" --start "$START" --seconds "$SECONDS_OF_RUN" \
        --sink "$SINK_ADDRESS" --generator "$GEN_ADDRESS" --delay-us "$delay" \
        --clock "gen=${HOST_CLOCK[gen]}" --clock "router=${HOST_CLOCK[router]}" --clock "sink=${HOST_CLOCK[sink]}" \
        >"$WORK/line" || {
        mkdir -p "$OUTPUT/raw" && mv "$raw" "$OUTPUT/raw/$1"
        die "run $1: what was counted cannot be read: $OUTPUT/raw/$1"
    }
    # A line is written whole or not at all, so that an interrupted study can be taken up.
    if [ -s "$OUTPUT/runs.jsonl" ] && [ -n "$(tail -c 1 "$OUTPUT/runs.jsonl")" ]; then
        sed -i '$d' "$OUTPUT/runs.jsonl"
    fi
    cat "$WORK/line" >>"$OUTPUT/runs.jsonl" || die "cannot write to $OUTPUT"
    if [ -n "$KEEP_RAW" ]; then
        mkdir -p "$OUTPUT/raw"
        rm -rf "$OUTPUT/raw/$1"
        mv "$raw" "$OUTPUT/raw/$1"
    fi
}

# --- the study --------------------------------------------------------------------------

# What may not change between the parts of a study that was interrupted.
settings() {
    printf '%s\n' "seed $SEED" "seconds $SECONDS_OF_RUN" "warm-up $WARM_UP" "delay $DELAY" "rate $RATE" \
        "hosts ${HOSTS:+$(grep -v '^#' "$HOSTS" | tr -s ' \n' ' ')}" "pping $PPING_VERSION"
    local name
    for name in $(printf '%s\n' "${!MONITOR_COMMAND[@]}" | sort); do
        echo "monitor $name=${MONITOR_COMMAND[$name]}"
    done
    for name in $(printf '%s\n' "${!LOAD_COMMAND[@]}" | sort); do
        echo "load $name=${LOAD_COMMAND[$name]} ${LOAD_SINK[$name]:-}"
    done
    echo "$PLAN"
}

# json_string TEXT
json_string() { /usr/bin/python3 -c 'import json, sys; print(json.dumps(sys.argv[1]), end="")' "$1"; }

# What this machine does besides, in percent of a core; empty for other machines.
busy_before() {
    if_remote || { head -1 /proc/stat && sleep 1 && head -1 /proc/stat; } | awk -v cores="$(nproc)" '
        { idle = $5 + $6; all = 0; for (i = 2; i <= 9; i++) all += $i }
        NR == 2 { printf "%.0f\n", 100 * cores * (1 - (idle - idle0) / (all - all0)) }
        { idle0 = idle; all0 = all }'
}

describe() {
    local role
    printf '{"started":"%s","profile":"%s","options":%s,"pping":%s,"where":"%s","seed":%d,' "$(date -u +%FT%TZ)" \
        "$PROFILE" "$(json_string "$all_options")" "$(json_string "$PPING_VERSION")" \
        "$(if_remote && echo "three machines" || echo "one machine")" "$SEED"
    printf '"seconds":%d,"warm_up":%d,"delay_us":%d,"rate_mbit":%d,"paced_mbit":%d,' "$SECONDS_OF_RUN" "$WARM_UP" \
        "$DELAY" "$RATE" "$PACED_MBIT"
    printf '"busy_before":%s,' "${BUSY:-null}"
    printf '"threshold":{"ratio":%s,"load":"%s","monitor":"%s"},"hosts":{' "$THRESHOLD" "$THRESHOLD_LOAD" \
        "$THRESHOLD_MONITOR"
    for role in gen router sink; do
        [ $role = gen ] || printf ','
        printf '"%s":' $role
        on $role /usr/bin/python3 "${HOST_HOME[$role]}/sample.py" --describe </dev/null
    done
    printf '}}\n'
}

open_output() {
    mkdir -p "$OUTPUT" || die "cannot make $OUTPUT"
    OUTPUT=$(cd "$OUTPUT" && pwd)
    if [ -e "$OUTPUT/plan.txt" ]; then
        settings | cmp -s - "$OUTPUT/plan.txt" || die "$OUTPUT holds a study of other settings or of another" \
            "version of pping ($(settings | diff "$OUTPUT/plan.txt" - | sed -n '2p')): say another --output"
    else
        settings >"$OUTPUT/plan.txt" || die "cannot write to $OUTPUT"
    fi
    exec {lock}>>"$OUTPUT/plan.txt"
    # what a killed run waited with may hold it some seconds longer
    flock -w 15 "$lock" || die "another run writes to $OUTPUT"
}

read_written() {
    local run
    for run in $(sed -n 's/^{"number":\([0-9]*\),.*}$/\1/p' "$OUTPUT/runs.jsonl" 2>/dev/null); do
        WRITTEN[$run]=yes
    done
}

# path_for KIND: build the path anew where it must be another
PATH_NOW=
path_for() {
    local want="$DELAY $RATE"
    [ "$1" != accuracy ] || want="$ACCURACY_DELAY_US 0"
    [ "$PATH_NOW" != "$want" ] || return 0
    # shellcheck disable=SC2086 # two words
    hosts_up $want || die "the path could not be built"
    PATH_NOW=$want
}

finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    hosts_down
    rm -rf "$WORK"
    exit $status
}

# What the machine must do beside its own business says nothing about pping.
study() {
    local run left began took=0 planned=0 count=0
    read_written
    left=$((RUNS - ${#WRITTEN[@]}))
    say "$RUNS runs of $SECONDS_OF_RUN s, seed $SEED$([ "$left" = "$RUNS" ] || echo ", $left still to do"):" \
        "about $(time_left). Results: $OUTPUT"
    while read -u 3 -r -a run; do
        [ -z "${WRITTEN[${run[0]}]:-}" ] || continue
        path_for "${run[1]}"
        began=$EPOCHREALTIME
        run "${run[@]}"
        collect "${run[@]}"
        WRITTEN[${run[0]}]=yes
        took=$(awk -v s="$took" -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print s + b - a }')
        planned=$(after "$planned" "$(OVERHEAD=0 planned_seconds <<<"${run[*]}")")
        count=$((count + 1))
        OVERHEAD=$(awk -v t="$took" -v p="$planned" -v n=$count 'BEGIN { print (t - p) / n }')
        printf '%4d/%d  %-8s %-12s %-10s #%-3d %s  (%s left)\n' "${run[0]}" "$RUNS" "${run[1]}" "${run[2]}" \
            "${run[4]}" "${run[3]}" "$(/usr/bin/python3 "$EVAL_DIR/collect.py" --tell "$WORK/line")" "$(time_left $left)"
    done 3<<<"$PLAN"
}

make_plan
if [ -n "$LIST" ]; then
    say "$PLAN"
    say "$RUNS runs, about $(time_left)"
    exit
fi
if [ -n "$HOSTS" ]; then remote_read "$HOSTS"; fi
check_tools
find_pping
if_remote || [ "$(id -u)" = 0 ] || die "needs root, for network namespaces and BPF"
open_output
WORK=$(mktemp -d /dev/shm/ppeval.XXXXXX 2>/dev/null || mktemp -d "${TMPDIR:-/tmp}/ppeval.XXXXXX") || exit 1
echo "$$ $(cut -d' ' -f22 /proc/$$/stat)" >"$WORK/owner"
if_remote || local_sweep
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
BUSY=$(busy_before)
[ "${BUSY:-0}" -le 10 ] ||
    say "This machine is busy with other work, $BUSY % of a core: the figures will be of both."
path_for "$(head -1 <<<"$PLAN" | cut -d' ' -f2)"
if [ ! -s "$OUTPUT/machine.json" ]; then
    describe >"$OUTPUT/machine.json.new" && mv "$OUTPUT/machine.json.new" "$OUTPUT/machine.json" ||
        die "cannot describe the hosts"
fi
study
if [ -n "$REPORT" ]; then
    "$EVAL_DIR/plot_results.sh" "$OUTPUT"
fi
