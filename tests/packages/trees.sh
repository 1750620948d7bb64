# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Trees of Debian releases in directories, sourced by run and architectures. What is downloaded is kept in
# PACKAGES_CACHE (~/.cache/pping-packages); all else is in $TEMP, which goes when the script ends.

CACHE=${PACKAGES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pping-packages}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VERSION=$(sed -n 's/^#define PPING_VERSION "\(.*\)"/\1/p' "$TOP/pping.h")
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

cannot() {
    echo "skip ${0##*/}: $*"
    exit 77
}

# begin TOOL...: what it needs, and TEMP
begin() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || cannot "needs $tool"
    done
    mkdir -p "$CACHE" && TEMP=$(mktemp -d "${TMPDIR:-/var/tmp}/pping-packages.XXXXXX") || exit 1
    chmod 755 "$TEMP"
    # nothing is mounted here but in the name spaces of what ran in a tree
    trap 'rm -rf --one-file-system "$TEMP"' EXIT
    trap 'exit 130' INT TERM HUP
}

mirror() {
    # shellcheck disable=SC2016 # apt's own variables
    echo "${PACKAGES_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' | head -n 1)}"
}

# --- results -------------------------------------------------------------------

PASSED=0 FAILED=0 SKIPPED=0

# check NAME COMMAND...: its output is shown if it fails
check() {
    local name=$1 log=$TEMP/log since=$SECONDS
    shift
    if ("$@") >"$log" 2>&1 </dev/null; then
        echo "ok $name ($((SECONDS - since)) s)$(sed -n 's/^note: /: /p' "$log" | tail -n 1)"
        PASSED=$((PASSED + 1))
        return
    fi
    tail -n "${PACKAGES_LINES:-60}" "$log" | sed 's/^/# /'
    echo "not ok $name ($((SECONDS - since)) s)"
    FAILED=$((FAILED + 1))
    return 1
}

# What the tests counted that the last check ran.
counts() { sed -n '/^[a-z].* passed .* skipped/s/^/    /p;/^ *skip /p' "$TEMP/log"; }

finish() {
    echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
    [ "$FAILED" = 0 ] && [ "$PASSED" -gt 0 ]
}

# --- trees ---------------------------------------------------------------------

# The smallest system of a release, as a tarball that is made anew after a week.
base_tree() {
    local tar=$CACHE/$1.tar
    [ -z "$(find "$tar" -mtime -7 2>/dev/null)" ] || return 0
    timeout -k 10 900 debootstrap --variant=minbase --keyring="$KEYRING" "$1" "$TEMP/base" "$(mirror)" &&
        tar -C "$TEMP/base" -c . >"$tar.new" && mv "$tar.new" "$tar" && rm -rf --one-file-system "$TEMP/base"
}

# make_tree RELEASE DIR
make_tree() {
    base_tree "$1" && mkdir "$2" && tar -x -p -C "$2" -f "$CACHE/$1.tar" || return
    mkdir -p "$CACHE/$1-archives/partial"
    cat /etc/resolv.conf >"$2/etc/resolv.conf"
    # no service starts in a tree
    printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d" && chmod 755 "$2/usr/sbin/policy-rc.d"
}

# in_tree DIR [--net] COMMAND...: as root of the tree, with pids and mounts of its own, and with --net
# network devices; all of it ends with the command, which may take LIMIT seconds (1200).
in_tree() {
    local tree=$1 net=()
    shift
    [ "$1" != --net ] || { net=(--net) && shift; }
    # shellcheck disable=SC2016 # for the inner shell
    timeout -k 10 "${LIMIT:-1200}" unshare --mount --pid --fork --kill-child "${net[@]}" -- bash -ec '
        tree=$1 archives=$2
        shift 2
        mount --bind "$tree" "$tree" # what runs there may want to mount, which asks for a root that is one
        mount -t proc proc "$tree/proc"
        mount --rbind /dev "$tree/dev"
        mount -t sysfs sys "$tree/sys"
        mount -t bpf bpf "$tree/sys/fs/bpf"
        mount -t tmpfs run "$tree/run"
        mount --bind "$archives" "$tree/var/cache/apt/archives"
        exec chroot "$tree" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root TERM=dumb LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' \
        - "$tree" "$CACHE/$RELEASE-archives" "$@"
}

tree_apt() {
    local tree=$1
    shift
    in_tree "$tree" apt-get -q -y --no-install-recommends -o Acquire::Retries=2 "$@"
}
