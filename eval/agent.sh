#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Starts and ends the programs of a run on one host, here or over ssh: run_tests.sh calls
# it and nobody else. DIR is the host's state directory; NAME.pid, .out, .err and .rc in
# it belong to one program.
#
#   agent.sh start DIR NAME LIMIT CMD...    in the background, for LIMIT seconds at most
#   agent.sh stop DIR NAME SIGNAL SECONDS   signal it, wait, kill; prints its exit status
#   agent.sh alive DIR NAME                 whether it still runs
#   agent.sh until SECONDS CMD...           try a command until it succeeds
#   agent.sh listening SECONDS PORT...      until all these TCP ports are listened on
#   agent.sh sweep DIR                      end what is left, by the pids in DIR
#   agent.sh build DIR SOURCE.c             compile it there, if it isn't
#   agent.sh bye DIR                        sweep, then remove DIR
set -u
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

# The time a process started: a pid alone may have been given to another one since.
born() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086 # words
    set -- $stat
    [ "$1" != Z ] && echo "${20}"
}

# pid and birth of DIR/NAME, if it still runs
running() {
    local pid birth
    [ -e "$1/$2.pid" ] && read -r pid birth _ <"$1/$2.pid" && [ "$(born "$pid")" = "$birth" ] &&
        echo "$pid"
}

start() {
    local dir=$1 name=$2 limit=$3 fd
    shift 3
    # The caller's files are not the program's: it may outlive the caller's lock.
    for fd in /proc/$$/fd/*; do
        fd=${fd##*/}
        [ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
    done
    rm -f "$dir/$name".{pid,rc,out,err}
    ulimit -n 16384 2>/dev/null || ulimit -n 4096
    # timeout is the leader of a process group, which gets every signal it gets. A program
    # in the background ignores SIGINT unless told otherwise.
    # shellcheck disable=SC2016 # for the inner shell
    setsid bash -c '
        dir=$1 name=$2 limit=$3
        shift 3
        env --default-signal=INT,QUIT timeout -k 5 "$limit" "$@" &
        pid=$!
        read -r stat <"/proc/$pid/stat"
        set -- ${stat##*) }
        echo "$pid ${20} $$" >"$dir/$name.pid.new"
        mv "$dir/$name.pid.new" "$dir/$name.pid"
        wait "$pid"
        echo $? >"$dir/$name.rc"
    ' agent "$dir" "$name" "$limit" "$@" >"$dir/$name.out" 2>"$dir/$name.err" </dev/null &
    for _ in {1..250}; do
        [ -e "$dir/$name.pid" ] && return
        sleep 0.02
    done
    return 1
}

stop() {
    local dir=$1 name=$2 signal=$3 limit=$4 pid i
    for ((i = 0; i < limit * 50; i++)); do
        [ -e "$dir/$name.rc" ] && break
        pid=$(running "$dir" "$name") || break
        [ $i = 0 ] && kill -s "$signal" "$pid"
        sleep 0.02
    done 2>/dev/null
    if [ ! -e "$dir/$name.rc" ] && pid=$(running "$dir" "$name"); then
        kill -s KILL -- "-$pid" "$pid" 2>/dev/null
        sleep 0.1
        echo killed
        return
    fi
    for i in {1..50}; do
        [ -e "$dir/$name.rc" ] && break
        sleep 0.02
    done
    cat "$dir/$name.rc" 2>/dev/null || echo gone
}

sweep() {
    local path pid i
    for path in "$1"/*.pid; do
        [ -e "$path" ] || continue
        path=${path##*/}
        pid=$(running "$1" "${path%.pid}") || continue
        kill -s TERM "$pid"
        for ((i = 0; i < 100; i++)); do
            running "$1" "${path%.pid}" >/dev/null || continue 2
            sleep 0.02
        done
        kill -s KILL -- "-$pid" "$pid"
    done 2>/dev/null
    return 0
}

try_until() {
    local i limit=$1
    shift
    for ((i = 0; i < limit * 50; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.02
    done
    return 1
}

all_listening() {
    local port open
    open=$(ss -Htln)
    for port; do
        grep -q ":$port " <<<"$open" || return
    done
}

build() {
    local src=$2 bin
    bin=$1/$(basename "${2%.c}")
    [ "$bin" -nt "$src" ] && return
    ${CC:-cc} -D_GNU_SOURCE -O2 -Wall "$src" -o "$bin.new" && mv "$bin.new" "$bin"
}

verb=$1
shift
case $verb in
start | stop | sweep | build) "$verb" "$@" ;;
alive) running "$@" >/dev/null ;;
until) try_until "$@" ;;
listening)
    limit=$1
    shift
    try_until "$limit" all_listening "$@"
    ;;
bye)
    sweep "$1"
    case $1 in
    */ppeval.*) rm -rf "$1" ;;
    esac
    ;;
*)
    sed -n '6,14s/^#   //p' "$0" >&2
    exit 2
    ;;
esac
