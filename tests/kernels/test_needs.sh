#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The floor that the README states, for the kernels between it and the oldest that
# was tried: what the built programs use is read out of the object, and each thing
# must be in the list below, with the version it came with, and not be younger than
# the floor. XDP has a floor of its own.
set -u
cd "$(dirname "$0")/../.." || exit 1

OBJECT=build/pping.bpf.o
FLOOR=5.15
FLOOR_XDP=5.18

# WHAT NAME VERSION: from the kernel's history. Helpers by their number in linux/bpf.h.
known() {
    cat <<'END'
helper 1 3.19
helper 2 3.19
helper 3 3.19
helper 5 4.1
helper 8 4.1
helper 25 4.4
helper 26 4.5
helper 87 4.20
helper 88 4.20
helper 127 5.8
helper 160 5.11
helper 188 5.18
helper 189 5.18
atomic add 3.18
atomic fetch 5.12
jump 32 5.1
map LRU_HASH 4.10
map HASH 3.19
map LPM_TRIE 4.11
map ARRAY 3.19
map PERCPU_ARRAY 4.6
map PERF_EVENT_ARRAY 4.3
map QUEUE 4.20
map LPM_TRIE 4.11
map ARRAY_OF_MAPS 4.12
flag NO_PREALLOC 4.6
flag MMAPABLE 5.5
function global 5.13
section iter/bpf_map_elem 5.9
section tc 4.1
section xdp 4.8
END
}

# used: lines "FUNCTION WHAT NAME" of the object's instructions.
instructions() {
    "${OBJDUMP:-llvm-objdump}" -d "$OBJECT" | awk '
        /^Disassembly of section / { section = $4; sub(/:$/, "", section) }
        /^[0-9a-f]+ <[^L].*>:$/ { name = $2; gsub(/[<>:]/, "", name); if (section != ".text") print name, "section", section }
        # number: eight bytes, then words
        $1 ~ /^[0-9]+:$/ {
            imm = hex($9 $8 $7 $6)
            if ($2 == "85" && substr($3, 1, 1) == "0") print name, "helper", imm
            if ($2 == "db" || $2 == "c3") print name, "atomic", imm == 0 ? "add" : "fetch"
            if (substr($2, 2) ~ /[6e]/ && $2 != "06") print name, "jump", 32
        }
        function hex(s, i, n) {
            for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
            return n
        }' | sort -u
}

used() {
    instructions
    grep -ho 'BPF_MAP_TYPE_[A-Z_]*' pping_kern.c kern/*.h src/*.c | sed 's/BPF_MAP_TYPE_/any map /'
    grep -ho 'BPF_F_\(NO_PREALLOC\|MMAPABLE\)' pping_kern.c kern/*.h | sed 's/BPF_F_/any flag /'
    echo any function global
}

offenders() {
    awk -v floor=$FLOOR -v floor_xdp=$FLOOR_XDP '
        function number(version, part) { split(version, part, "."); return part[1] * 1000 + part[2] }
        FNR == NR { since[$1, $2] = $3; next }
        !(($2, $3) in since) { print $1 ": " $2, $3 " is new: since which kernel?"; next }
        number(since[$2, $3]) > number($1 ~ /xdp/ ? floor_xdp : floor) { print $1 ": " $2, $3, "needs", since[$2, $3] }
        $1 !~ /xdp/ && number(since[$2, $3]) > number(newest) { newest = since[$2, $3] }
        END { print "# the youngest that every run needs came with " newest >"/dev/stderr" }' <(known) <(used | sort -u)
}

for tool in "${OBJDUMP:-llvm-objdump}" awk; do
    command -v "$tool" >/dev/null || {
        echo "skip needs: no $tool"
        exit 0
    }
done
found=$(offenders)
if [ -z "$found" ] && [ "$(instructions | wc -l)" -gt 20 ]; then
    echo "ok needs_no_younger_kernel"
else
    instructions | head -n 40 | sed 's/^/# /'
    echo "not ok needs_no_younger_kernel"
    echo "${found:-no instructions found}" | sed 's/^/# /'
    exit 1
fi
