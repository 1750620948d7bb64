#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
#   eval/plot_results.sh DIR
#
# From DIR/runs.jsonl and DIR/machine.json, as run_tests.sh left them: DIR/REPORT.md, its
# figures as PNG and SVG, and the numbers as runs.csv, seconds.csv, programs.csv and
# cleaning.csv. Needs /usr/bin/python3 and gnuplot. See eval/README.md for what each figure means.
set -u

EVAL_DIR=$(cd "$(dirname "$0")" && pwd) || exit 1
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

die() {
    printf 'plot_results.sh: %s\n' "$*" >&2
    exit 1
}

case ${1:-} in
-h | --help)
    sed -n '4,8s/^#\( \|$\)//p' "$0"
    exit
    ;;
esac
[ $# = 1 ] || {
    echo "usage: plot_results.sh DIR" >&2
    exit 2
}
[ -r "$1/runs.jsonl" ] || die "$1 holds no results (runs.jsonl): run_tests.sh makes them"
for tool in gnuplot:gnuplot-nox /usr/bin/python3:python3; do
    command -v "${tool%:*}" >/dev/null || die "missing: ${tool%:*} (package ${tool#*:})"
done
cd "$1" || exit 1

/usr/bin/python3 "$EVAL_DIR/report.py" . || exit 1

# "compare_bulk-500" -> "upload, 500 flows"
title_of() {
    local load=${1#*_} count
    count=${load#*-}
    [ "$count" != 1 ] || count="1 flow"
    [[ $count == *flow ]] || count="$count flows"
    case $load in
    bulk-*) echo "upload, $count" ;;
    download-*) echo "download, $count" ;;
    both-*) echo "both ways, $count each" ;;
    paced-*) echo "$count of 10 Mbit/s" ;;
    *) echo "$load" ;;
    esac
}

# figure NAME SCRIPT HEIGHT: NAME.dat by SCRIPT.gp
figure() {
    local blocks terminal
    blocks=$(grep -c '^"' "plot/$1.dat")
    for terminal in "pngcairo size 1000,$3 font 'Sans,11'" "svg size 1000,$3 font 'Sans,13' background '#ffffff'"; do
        gnuplot -e "set terminal $terminal; set output '$1.${terminal%%[c ]*}'" \
            -e "data='plot/$1.dat'; blocks=$blocks; types='$(cat "plot/$1.types")'; heading='$(title_of "$1")'; threshold=${threshold:-0.97}" \
            "$EVAL_DIR/common.gp" "$EVAL_DIR/$2.gp" || die "gnuplot failed on $1"
    done
}

threshold=$(sed -n 's/.*"threshold":{"ratio":\([0-9.]*\).*/\1/p' machine.json)
rm -f ./*.png ./*.svg
for path in plot/*.dat; do
    [ -e "$path" ] || continue
    name=$(basename "$path" .dat)
    case $name in
    compare_* | hooks_* | push_*) figure "$name" over_time 900 ;;
    cleaning_*) figure "$name" cleaning 900 ;;
    overhead | errors) figure "$name" "$name" 560 ;;
    esac
done
echo "$PWD/REPORT.md, $(find . -maxdepth 1 -name '*.png' | wc -l) figures"
