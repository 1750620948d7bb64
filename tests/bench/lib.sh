# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced by the benchmarks that need the network lab. Results: see bench.h.

# result PART ROW UNIT VALUE BETTER [BUDGET]
result() {
    [ -z "${BENCH_RESULTS:-}" ] || printf \
        '{"part":"%s","row":"%s","unit":"%s","value":%s,"better":"%s"%s}\n' \
        "$1" "$2" "$3" "$4" "$5" "${6:+,\"budget\":$6}" >>"$BENCH_RESULTS"
}

# calc EXPRESSION [FORMAT]
calc() { awk "BEGIN { printf \"${2:-%.6g}\", $1 }" </dev/null; }

# median VALUE...
median() {
    printf '%s\n' "$@" | sort -g |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# prog_id NAME: of the program that pping has on r0.
prog_id() { attached r r0 | awk -v name="$1" '$3 == name { print $2 }'; }

# cpu_ns PID: what a process has used.
cpu_ns() { awk '{ s += $1 } END { printf "%d", s }' /proc/"$1"/task/*/schedstat; }

# counted LABEL: what the summary on pping's stderr, the last one printed, says of it; 0 if nothing.
counted() {
    grep -oE "[0-9]+ $1" "$PPING_OUT.err" | tail -1 | grep -oE '^[0-9]+' || echo 0
}

# spread VALUE...: the middle half of them, "lower-upper"
spread() {
    printf '%s\n' "$@" | sort -g |
        awk '{ v[NR] = $1 } END { printf "%.3f-%.3f", v[int((NR + 3) / 4)], v[int((3 * NR + 2) / 4)] }'
}
