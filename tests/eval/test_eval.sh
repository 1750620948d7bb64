#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it loads both cores
# The performance study runs, survives what it is promised to, and counts right. Its speeds are
# nobody's business here.
# timeout: 400
set -u
cd "$(dirname "$0")/../.." || exit 1
TOP=$PWD
PYTHON=${PYTHON:-/usr/bin/python3}
export PYTHONDONTWRITEBYTECODE=1 PATH=$PATH:/usr/sbin:/sbin
WORK=$(mktemp -d) || exit 1
STUDY=
FAILED=0

cleanup() {
    [ -z "$STUDY" ] || { kill -TERM "$STUDY" && wait "$STUDY"; } 2>/dev/null
    for name in gen router sink; do
        [ ! -e "/run/netns/ppevaltest$$-$name" ] || ip netns del "ppevaltest$$-$name"
    done
    rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# check NAME CMD...: its output is shown if it fails
check() {
    local name=$1
    shift
    [[ $name =~ ${CASES:-} ]] || return 0
    local status
    # in a condition, "set -e" would not hold
    (
        set -e
        "$@"
    ) >"$WORK/log" 2>&1
    status=$?
    if [ "$status" = 0 ]; then
        echo "ok $name"
    else
        echo "not ok $name: status $status"
        tail -n 30 "$WORK/log" | sed 's/^/# /'
        FAILED=1
    fi
}

# "!" would keep "set -e" from seeing it
not() {
    if "$@"; then false; fi
}

# refused STATUS WORDS CMD...: it must end so, and say this
refused() {
    local want=$1 words=$2 status=0
    shift 2
    "$@" >"$WORK/said" 2>&1 || status=$?
    cat "$WORK/said"
    [ "$status" = "$want" ]
    grep -q -- "$words" "$WORK/said"
}

# --- without traffic ----------------------------------------------------------------------

wrong_usage() {
    refused 2 "no such option" eval/run_tests.sh --profil quick
    refused 2 "takes a number" eval/run_tests.sh --repeats 0
    refused 2 "needs a value" eval/run_tests.sh --output
    refused 2 "no such load" eval/run_tests.sh --loads bulk-0 --list
    refused 2 "no such load" eval/run_tests.sh --loads capture --list
    refused 2 "no such monitor" eval/run_tests.sh --monitors tc-r --list
    refused 2 "NAME=COMMAND" eval/run_tests.sh --monitor 'x y=true' --list
    refused 2 "there is a monitor" eval/run_tests.sh --monitor tc-r0=true --list
    printf 'router host eth0 -\n' >"$WORK/hosts"
    refused 2 "names no gen" eval/run_tests.sh --hosts "$WORK/hosts"
    refused 1 "holds no results" eval/plot_results.sh "$WORK"
}

# Only what coreutils and the like bring is in this PATH.
names_packages() {
    local tool
    mkdir -p "$WORK/bin"
    for tool in bash sh env dirname sed awk grep sort paste cut wc head tail tr cat sleep timeout setsid ip nsenter ss \
        ping cc id mkdir cmp diff; do
        ln -sf "$(command -v $tool)" "$WORK/bin/$tool"
    done
    sed "s|PATH=\$PATH:/usr/sbin:/sbin|PATH=$WORK/bin|; s|^EVAL_DIR=.*|EVAL_DIR=$TOP/eval|" eval/run_tests.sh \
        >"$WORK/run_tests.sh"
    refused 1 "iperf3 (package iperf3)" bash "$WORK/run_tests.sh" --profile smoke --output "$WORK/none"
    grep -q "tcpdump (package tcpdump)" "$WORK/said"
    grep -q "gnuplot-nox" "$WORK/said"
    refused 1 "cannot run /nonexistent" eval/run_tests.sh --profile smoke --no-report --loads short-1 \
        --pping /nonexistent --output "$WORK/none"
}

# The same seed gives the same order, another one another; each block holds each monitor once.
plans() {
    eval/run_tests.sh --list >"$WORK/one"
    eval/run_tests.sh --list --seed 1 | cmp - "$WORK/one"
    eval/run_tests.sh --list --seed 2 >"$WORK/two"
    not cmp -s "$WORK/one" "$WORK/two"
    [ "$(cut -d' ' -f2- "$WORK/one" | grep -v runs, | sort | uniq -d)" = "" ]
    awk '$2 == "switched" { if (last && $6 != last - 1) exit 1; last = $6 }' "$WORK/one"
    awk '$2 == "compare" { key = $3 " " $4; if (key != last && key in seen) exit 1; seen[key] = 1; last = key }' "$WORK/one"
    [ "$(grep -c ' compare bulk-500 .* tc-r100$' "$WORK/one")" -ge 10 ]
    eval/run_tests.sh --list --monitor other=true | grep 'compare bulk-10 1 other' >/dev/null
}

arithmetic() {
    cd eval
    "$PYTHON" - "$WORK/lines" <<'END'
import sys
from rtts import Output
from statistics_of import interval, verdict, word
import accuracy

assert interval([3, 1, 2])[0] == 2
assert interval([5])[1] is None
middle, low, high = interval([0.9, 0.91, 0.92, 0.93, 0.94, 0.95])
assert 0.9 <= low < middle == 0.925 < high <= 0.95
assert interval([1, 2, 3, 4, 5]) == interval([5, 4, 3, 2, 1])
assert word(0.9, 0.8, 0.99, 5) == "lower" and word(0.9, 0.8, 1.01, 5) == "no difference shown"
assert word(0.9, 0.8, 0.99, 4) == "too few runs" and word(1.1, 1.01, 1.2, 9) == "higher"
assert verdict(0.98, 0.975, 0.99, 5, 0.97) == "yes" and verdict(0.96, 0.95, 0.965, 5, 0.97) == "no"
assert verdict(0.97, 0.96, 0.98, 5, 0.97).startswith("open") and verdict(0.98, 0.975, 0.99, 3, 0.97).startswith("open")

day = 1700000000 // 86400 * 86400
with open(sys.argv[1], "w") as file:
    file.write('{"timestamp":1700000000142279766,"src_ip":"10.0.0.1","src_port":443,"dest_ip":"10.0.0.2",'
               '"dest_port":59528,"protocol":"TCP","rtt":5425439,"min_rtt":5261430,"match_on_egress":false}\n'
               '{"timestamp":1700000000142279766,"lost_events":12}\n'
               '{"timestamp":1700000001000000000,"ip_prefix":"10.0.0.0/24","rx_stats":{},"count_rtt":7,"x":1}\n'
               '{"timestamp":1700000000142279766,"src_ip":"10.0.0.1","src_port":443,"dest_ip":"10.0.0.2",'
               '"dest_port":59528,"protocol":"TCP","flow_event":"opening"}\n'
               '00:00:46.147705205 5.425439 ms 5.261430 ms TCP 10.11.1.1:5201+10.11.1.2:59528\n'
               '1700000000.483727575 0.005425439 0.005261430 [fd00::1]:5201+10.11.1.2:59528\n'
               '23:59:59.000000000 lost 3 events\n'
               'noise\n')
out = Output(sys.argv[1], day + 100)
assert len(out.rtts) == 3, out.rtts
assert abs(out.rtts[0][0] - 1700000000.142279766) < 1e-6 and abs(out.rtts[0][6] - 0.005425439) < 1e-12
assert abs(out.rtts[1][0] - (day + 46.147705205)) < 1e-6 and out.rtts[1][1:3] == ("10.11.1.1", 5201)
assert out.rtts[2][1] == "fd00::1"
assert [round(time, 3) for time, _ in out.lost] == [1700000000.142, day - 1] and out.lost[0][1] == 12, out.lost
assert out.counted == [(1700000001.0, "10.0.0.0/24", 7)]

errors, missed, invented = accuracy.pair([(1.0, 0.1), (2.0, 0.2), (3.0, 0.3)], [(1.000001, 0.100002), (2.5, 0.2)])
assert len(errors) == 1 and abs(errors[0] - 2) < 1e-6 and missed == 2 and invented == 1
END
}

# The made capture holds the samples it says, counted by pping and by the study's own reading.
made_capture() {
    local want
    want=$("$PYTHON" eval/make_capture.py make "$WORK/made.pcap" --mac 02:00:00:00:00:01 02:00:00:00:00:02 --flows 100 \
        --packets 4000 --rtts 30 --seed 7 | sed 's/.* packets \(.*\) answers/\1/')
    [ "$want" -gt 400 ]
    ./pping --read "$WORK/made.pcap" -r 0 2>&1 >/dev/null | tee "$WORK/said"
    grep -q "RTTs     $want from" "$WORK/said"
    cd eval
    "$PYTHON" -c 'import accuracy, sys
found = sum(map(len, accuracy.samples(sys.argv[1]).values()))
sys.exit(found != int(sys.argv[2]))' "$WORK/made.pcap" "$want"
}

# --- with traffic ---------------------------------------------------------------------------

# The smoke profile and a monitor that dies, killed in its midst and taken up again.
study_begun() {
    local i
    # "exec": $! is the study itself
    (exec eval/run_tests.sh --profile smoke --output "$WORK/study" --monitor dies='sleep 2' --seed 3) >"$WORK/study.log" 2>&1 &
    STUDY=$!
    for ((i = 0; i < 900; i++)); do
        [ -d "/proc/$STUDY" ] || break
        [ "$(cat "$WORK/study/runs.jsonl" 2>/dev/null | wc -l)" -lt 2 ] || break
        sleep 0.1
    done
    sleep 1.5
    kill -KILL "$STUDY"
    wait "$STUDY" 2>/dev/null
    KILLED=$STUDY
    STUDY=
    [ -e "/run/netns/ppeval$KILLED-router" ]
}

study_resumed() {
    local before
    before=$(head -n 2 "$WORK/study/runs.jsonl")
    # half a line, as a full disk would leave it
    printf '{"number":99,"ki' >>"$WORK/study/runs.jsonl"
    (exec eval/run_tests.sh --profile smoke --output "$WORK/study" --monitor dies='sleep 2' --seed 3) 2>&1 | tee "$WORK/study.log"
    [ "${PIPESTATUS[0]}" = 0 ]
    [ "$(head -n 2 "$WORK/study/runs.jsonl")" = "$before" ]
    [ ! -e "/run/netns/ppeval$KILLED-router" ]
    grep -q "cleaning up after a run that was killed" "$WORK/study.log"
}

study_is_whole() {
    "$PYTHON" - "$WORK/study" <<'END'
import json, sys
runs = [json.loads(line) for line in open(sys.argv[1] + "/runs.jsonl")]
planned = [line.split() for line in open(sys.argv[1] + "/plan.txt") if line[0].isdigit()]
assert sorted(run["number"] for run in runs) == sorted(int(row[0]) for row in planned)
for run in runs:
    if run["monitor"] == "dies":
        assert run["status"].startswith("the monitor died"), run
        continue
    assert run["status"] == "ok", run
    assert run["score"] > 0 and run["cpu_busy"] > 0 and len(run["seconds"]) == 2, run
    if run["monitor"].startswith("tc-"):
        assert run["rtts_sink"] > 0 and run["maps_kib"] > 0 and run["monitor_rss_kib"] > 0, run
        # flow events are among those handed over
        assert run["summary"]["emitted"] >= run["summary"]["matched"] - run["summary"]["lost"] > 0, run
    if run["kind"] == "stats":
        assert any("gress" in name and row["ns"] > 0 for name, row in run["programs"].items()), run["programs"]
    if run["kind"] == "accuracy":
        found = run["accuracy"]
        assert found["capture"]["samples"] > 100 and found["capture"]["invented"] == 0, found["capture"]
        assert found["capture"]["missed"] <= found["capture"]["samples"] * 0.01, found["capture"]
        assert abs(found["capture"]["error_us"]["median"]) < 100, found["capture"]
        assert found["path"]["below"] == 0 and found["path"]["error_us"]["least"] >= 0, found["path"]
        assert found["ping"]["reported"] > 20, found["ping"]
assert any(run["kind"] == "accuracy" for run in runs) and any(run["monitor"] == "dies" for run in runs)
END
}

report_is_there() {
    local file
    for file in REPORT.md runs.csv seconds.csv programs.csv errors.png errors.svg compare_bulk-10.png compare_bulk-10.svg; do
        [ -s "$WORK/study/$file" ]
    done
    grep -q "the monitor died" "$WORK/study/REPORT.md"
    grep -q "Always on" "$WORK/study/REPORT.md"
    not grep -q "| lower |" "$WORK/study/REPORT.md"
    refused 1 "another --output" eval/run_tests.sh --profile smoke --output "$WORK/study" --seed 4
}

# One load goes on while the monitors take turns.
load_goes_on() {
    eval/run_tests.sh --switched --load mark-pps="echo x >>$WORK/starts; exec ping -q -i 0.01 \$SINK" \
        --monitors "none" --seconds 1 --warm-up 0 --repeats 1 --output "$WORK/switched" --no-report </dev/null
    [ "$(wc -l <"$WORK/starts")" = 1 ]
    [ "$(grep -c '"kind":"switched".*"status":"ok"' "$WORK/switched/runs.jsonl")" = 8 ]
    not ls -d /dev/shm/ppeval.*
}

nothing_left() {
    not ls -d "/run/netns/ppeval$KILLED-"*
    not ls -d /dev/shm/ppeval.*
    [ "$(cat /proc/sys/kernel/bpf_stats_enabled)" = 0 ]
}

# Three hosts behind an "ssh" that enters a namespace: the very scripts that run over the real one.
three_machines() {
    local ns name=ppevaltest$$
    for ns in gen router sink; do
        ip netns add "$name-$ns"
        ip -n "$name-$ns" link set lo up
    done
    ip link add eth0 netns "$name-gen" type veth peer name eth0 netns "$name-router"
    ip link add eth1 netns "$name-router" type veth peer name eth0 netns "$name-sink"
    ip -n "$name-gen" addr add 10.78.1.2/24 dev eth0
    ip -n "$name-router" addr add 10.78.1.1/24 dev eth0
    ip -n "$name-router" addr add 10.78.2.1/24 dev eth1
    ip -n "$name-sink" addr add 10.78.2.2/24 dev eth0
    for ns in gen:eth0 router:eth0 router:eth1 sink:eth0; do
        ip -n "$name-${ns%:*}" link set "${ns#*:}" up
    done
    ip -n "$name-gen" route add default via 10.78.1.1
    ip -n "$name-sink" route add default via 10.78.2.1
    nsenter --net="/run/netns/$name-router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    # as sshd does: a shell runs the words
    printf '#!/bin/sh\nhost=$1\nshift\nexec nsenter --net=/run/netns/%s-$host sh -c "$*"\n' "$name" >"$WORK/ssh"
    chmod +x "$WORK/ssh"
    printf '# three\ngenerator gen eth0 10.78.1.2\nrouter router eth1 -\nsink sink eth0 10.78.2.2\n' >"$WORK/hosts"
    eval/run_tests.sh --hosts "$WORK/hosts" --ssh "$WORK/ssh" --pping "$TOP/pping" --loads bulk-2 --monitors tc-r0 \
        --repeats 1 --seconds 1 --output "$WORK/three" --no-report </dev/null
    grep -q '"status":"ok"' "$WORK/three/runs.jsonl"
    grep -q '"where":"three machines"' "$WORK/three/machine.json"
    not ls -d /dev/shm/ppeval.*
}

check wrong_usage wrong_usage
check plans plans
check arithmetic arithmetic
check made_capture made_capture
why=
if [ "$(id -u)" != 0 ]; then
    why="needs root"
elif ! unshare --net true 2>/dev/null; then
    why="cannot create network namespaces"
elif [ ! -r /sys/kernel/btf/vmlinux ]; then
    why="the kernel has no BTF"
fi
for tool in iperf3 tcpdump gnuplot ss ping ip cc; do
    [ -n "$why" ] || command -v $tool >/dev/null || why="needs $tool (quickstart test installs it)"
done
if [ -n "$why" ]; then
    echo "skip the_study: $why"
    exit $FAILED
fi
check names_packages names_packages
if [[ the_study =~ ${CASES:-} ]]; then
    study_begun
    check a_killed_study_is_taken_up study_resumed
    check every_run_is_there_and_right study_is_whole
    check report_is_there report_is_there
    check nothing_left nothing_left
fi
check load_goes_on load_goes_on
check three_machines three_machines
exit $FAILED
