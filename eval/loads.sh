# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What is sent through the router; sourced by run_tests.sh.
#
#   bulk-N       N TCP flows from generator to sink, as fast as they go (iperf3)
#   download-N   the same from sink to generator, which the monitored interface receives
#   both-N       N flows each way
#   paced-N      N flows of 10 Mbit/s each, so that every monitor has the same work
#   short-N      a connection per request, N at a time (requests.c)
#   replay-N     N thousand packets a second of a made capture (tcpreplay; make_capture.py)
#   samples-N    the same with a sample in every data packet: N/2 thousand RTTs a second
#   replay-max   the same capture as fast as it goes, over and over
#   capture      the user's capture (--capture), as fast as it goes, over and over
#
# and the user's own, --load NAME=COMMAND (on the generator) with --load-sink NAME=COMMAND (on the
# sink, before it); $SINK, $GENERATOR, $IFACE, $SECONDS_OF_LOAD and $SEED are set, on the generator $MAC
# and $GATEWAY_MAC as well, the Ethernet addresses from and to the first link.

# iperf3 takes 128 streams a process at most, and is one thread.
FLOWS_PER_IPERF=125
IPERF_PORT=5201
PACED_MBIT=10
# A block of two segments and a bit is acknowledged at once.
PACED_BLOCK=8333
REPLY_BYTES=10000
REPLAY_FLOWS=2000
REPLAY_PERCENT=10 # of the data packets make an RTT
declare -A LOAD_COMMAND=() LOAD_SINK=()
LOAD_NAMES=() # what runs now, as "role name"

is_load() {
    case $1 in
    bulk-[1-9]* | download-[1-9]* | both-[1-9]* | paced-[1-9]* | short-[1-9]*)
        [[ ${1#*-} =~ ^[0-9]{1,4}$ ]]
        ;;
    replay-max) ;;
    replay-[1-9]* | samples-[1-9]*) [[ ${1#*-} =~ ^[0-9]{1,4}$ ]] ;;
    capture) [ -n "$CAPTURE" ] ;;
    *) [ -n "${LOAD_COMMAND[$1]:-}" ] ;;
    esac
}

load_tools() {
    case $1 in
    bulk-* | download-* | both-* | paced-*) echo gen:iperf3:iperf3 sink:iperf3:iperf3 ;;
    short-*) echo gen:cc:gcc sink:cc:gcc ;;
    replay-* | samples-* | capture) echo gen:tcpreplay:tcpreplay ;;
    esac
}

# load_prepare NAME SECONDS: what takes its time and is done once
load_prepare() {
    [ -z "${LOAD_COMMAND[$1]:-}" ] || return 0
    case $1 in
    short-*) agent sink build "${HOST_HOME[sink]}/requests.c" && agent gen build "${HOST_HOME[gen]}/requests.c" ;;
    replay-* | samples-* | capture) replay_prepare "$1" "$2" ;;
    esac
}

# load_start NAME SECONDS: returns when it has begun
load_start() {
    LOAD_NAMES=()
    if [ -n "${LOAD_COMMAND[$1]:-}" ]; then
        custom_start "$@"
        return
    fi
    local count=${1#*-}
    case $1 in
    bulk-*) iperf_start "$count" "$2" ;;
    download-*) iperf_start "$count" "$2" -R ;;
    both-*) iperf_start "$count" "$2" --bidir ;;
    paced-*) iperf_start "$count" "$2" -b "${PACED_MBIT}M" -l "$PACED_BLOCK" ;;
    short-*) requests_start "$count" "$2" ;;
    replay-max) replay_start "$2" replay-max --topspeed --loop=0 ;;
    replay-* | samples-*) replay_start "$2" "$1" --pps="${count}000" ;;
    capture) replay_start "$2" capture --topspeed --loop=0 ;;
    esac
}

# load_alive: whether all of it still runs
load_alive() {
    local entry
    for entry in "${LOAD_NAMES[@]}"; do
        # shellcheck disable=SC2086 # two words
        agent ${entry/ / alive } || return
    done
}

load_stop() {
    local entry
    for entry in "${LOAD_NAMES[@]}"; do
        # shellcheck disable=SC2086 # two words
        agent ${entry/ / stop } TERM 3 >/dev/null
    done
    LOAD_NAMES=()
}

# started ROLE NAME SECONDS CMD...
started() {
    local role=$1 name=$2
    agent "$role" start "$name" "${@:3}" && LOAD_NAMES=("$role $name" "${LOAD_NAMES[@]}")
}

# iperf_start FLOWS SECONDS OPTION...
iperf_start() {
    local flows=$1 seconds=$2 most=$FLOWS_PER_IPERF port=$IPERF_PORT ports=() n i=0
    shift 2
    [ "${1:-}" != --bidir ] || most=$((FLOWS_PER_IPERF / 2))
    for ((n = flows; n > 0; n -= most)); do
        started sink "server$i" $((seconds + 30)) iperf3 -s -1 -i 0 -p $((port + i)) || return
        ports+=($((port + i)))
        i=$((i + 1))
    done
    agent sink listening 10 "${ports[@]}" || return
    i=0
    for ((n = flows; n > 0; n -= most)); do
        started gen "client$i" $((seconds + 30)) iperf3 -c "$SINK_ADDRESS" -p "${ports[i]}" -i 0 \
            -P $((n < most ? n : most)) -t $((seconds + 20)) "$@" || return
        i=$((i + 1))
    done
}

requests_start() {
    started sink server $(($2 + 30)) "${HOST_STATE[sink]}/requests" server &&
        agent sink listening 10 8000 8015 &&
        started gen client $(($2 + 30)) "${HOST_STATE[gen]}/requests" client "$SINK_ADDRESS" "$1" "$REPLY_BYTES"
}

# The Ethernet addresses of the first link: the generator's own, and who it sends to.
first_link() {
    on gen ip -o link show dev "$GEN_IF" </dev/null | sed -n 's|.* link/ether \([^ ]*\).*|\1|p'
    # shellcheck disable=SC2016 # for the other host
    on gen bash -c '
        gateway=$(ip -o route get "$1" | sed -n "s/.* via \([^ ]*\).*/\1/p")
        ip neigh show "${gateway:-$1}" | sed -n "s/.* lladdr \([^ ]*\).*/\1/p" | head -1' - "$SINK_ADDRESS" </dev/null
}

# replay_prepare WHICH SECONDS: make the capture, once
replay_prepare() {
    local which=$1 seconds=$2 packets=400000 percent=$REPLAY_PERCENT mac
    [ ! -e "$WORK/$which.ready" ] || return 0
    on gen ping -q -c 1 -W 2 "$SINK_ADDRESS" >/dev/null </dev/null || return
    mapfile -t mac < <(first_link)
    [ -n "${mac[1]:-}" ] || return
    case $which in
    capture) /usr/bin/python3 "$EVAL_DIR/make_capture.py" readdress "$CAPTURE" "$WORK/$which.pcap" --mac "${mac[@]}" ;;
    *)
        # paced, it is played once: enough of it
        [ "$which" = replay-max ] || packets=$((${which#*-} * 1000 * (seconds + 3)))
        [[ $which != samples-* ]] || percent=100
        /usr/bin/python3 "$EVAL_DIR/make_capture.py" make "$WORK/$which.pcap" --mac "${mac[@]}" --seed "$SEED" \
            --flows $REPLAY_FLOWS --packets "$packets" --rtts "$percent"
        ;;
    esac >"$WORK/$which.ready.new" || return
    ! if_remote || remote_on gen tee "${HOST_STATE[gen]}/$which.pcap" <"$WORK/$which.pcap" >/dev/null || return
    mv "$WORK/$which.ready.new" "$WORK/$which.ready"
}

# replay_start SECONDS WHICH OPTION...
replay_start() {
    local seconds=$1 which=$2
    shift 2
    started gen client $((seconds + 30)) tcpreplay -q -K -i "$GEN_IF" "$@" "${HOST_STATE[gen]}/$which.pcap"
}

custom_start() {
    local vars=(env "SINK=$SINK_ADDRESS" "GENERATOR=$GEN_ADDRESS" "SECONDS_OF_LOAD=$2" "SEED=$SEED") mac
    if [ "$GEN_IF" != - ]; then
        on gen ping -q -c 1 -W 2 "$SINK_ADDRESS" >/dev/null </dev/null || true
        mapfile -t mac < <(first_link)
        vars+=("MAC=${mac[0]:-}" "GATEWAY_MAC=${mac[1]:-}")
    fi
    if [ -n "${LOAD_SINK[$1]:-}" ]; then
        started sink server $(($2 + 30)) "${vars[@]}" "IFACE=$SINK_IF" bash -c "${LOAD_SINK[$1]}" || return
        sleep 0.5
    fi
    started gen client $(($2 + 30)) "${vars[@]}" "IFACE=$GEN_IF" bash -c "${LOAD_COMMAND[$1]}"
}
