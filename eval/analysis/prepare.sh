# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced: finds Node.js, and installs the packages of package-lock.json on first use.
# Sets NODE. Returns 1 after one line that says what to do.
NODE=$(command -v node || command -v nodejs) || {
    echo "${0##*/}: there is no Node.js; install it (Debian: apt-get install nodejs npm)" >&2
    return 1
}
if [ ! -e "$here/node_modules/.package-lock.json" ]; then
    command -v npm >/dev/null || {
        echo "${0##*/}: there is no npm; install it (Debian: apt-get install npm)" >&2
        return 1
    }
    echo "${0##*/}: installing DuckDB and uPlot into $here/node_modules (once) ..." >&2
    why=$(cd "$here" && timeout 300 npm ci --omit=dev --no-audit --no-fund --loglevel=error 2>&1) || {
        echo "${0##*/}: npm could not install them: $(grep -v -m1 -e ' code ' -e '^$' -e warn <<<"$why" | cut -c1-200);" \
            "run (cd $here && npm ci --omit=dev) where a package registry can be reached" >&2
        return 1
    }
fi
