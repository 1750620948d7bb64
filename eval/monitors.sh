# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What is run on the router beside the traffic; sourced by run_tests.sh.
#
#   none                 nothing: what all the others are compared with
#   empty-tc empty-xdp   an empty BPF program in pping's places
#   tc-r100 xdp-r100     pping as it comes, at most ten samples a second of a flow's direction
#   tc-r0 xdp-r0         every sample
#   tc-a1 xdp-a1         every sample, aggregated: one report a second
#   tc-nopush xdp-nopush every sample measured, none handed over: aggregated, with a report only
#                        after a week: nearly what taking the line out that pushes would do.
#
# and the user's own, --monitor NAME=COMMAND, where $IFACE is the interface.

declare -A MONITOR_COMMAND=()

is_monitor() {
    case $1 in
    none | empty-tc | empty-xdp) ;;
    tc-r[0-9]* | xdp-r[0-9]* | tc-a[0-9]* | xdp-a[0-9]* | tc-nopush | xdp-nopush) ;;
    *) [ -n "${MONITOR_COMMAND[$1]:-}" ] ;;
    esac
}

# monitor_tools NAME: what it needs on the router, "tool:package"
monitor_tools() {
    case $1 in
    none) ;;
    *) [ -n "${MONITOR_COMMAND[$1]:-}" ] || echo /usr/bin/python3:python3 ;;
    esac
}

pping_options() {
    local hook=${1%%-*} mode=${1#*-}
    echo "-I $hook -F jsonl --debug-cleanup"
    case $mode in
    nopush) echo "-a 604800" ;;
    r*) echo "-r ${mode#r}" ;;
    a*) echo "-a ${mode#a}" ;;
    esac
}

# monitor_start NAME LIMIT [OPTION...]: LIMIT seconds at most; further options are pping's
monitor_start() {
    local name=$1 limit=$2
    shift 2
    case $name in
    none) return ;;
    empty-tc | empty-xdp)
        agent router start monitor "$limit" /usr/bin/python3 "${HOST_HOME[router]}/empty_hook.py" "${name#empty-}" "$ROUTER_IF"
        return
        ;;
    esac
    if [ -n "${MONITOR_COMMAND[$name]:-}" ]; then
        agent router start monitor "$limit" env TZ=UTC IFACE="$ROUTER_IF" bash -c "${MONITOR_COMMAND[$name]}"
    else
        # shellcheck disable=SC2046 # words
        agent router start monitor "$limit" env TZ=UTC "$PPING" -i "$ROUTER_IF" $(pping_options "$name") "$@"
    fi
}

# monitor_stop NAME: prints how it ended: its exit status, "killed", or nothing for none
monitor_stop() {
    [ "$1" = none ] || agent router stop monitor INT 10
}
