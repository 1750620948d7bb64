#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The version is written in pping.h, and once more where Debian wants it.
set -u
cd "$(dirname "$0")/../.." || exit 1
PPING=${PPING:-$PWD/pping}
failed=0

# check NAME GOT: it must be the program's
version=$("$PPING" --version | sed -n '1s/^pping //p')
check() {
    if [ -n "$version" ] && [ "$2" = "$version" ]; then
        echo "ok $1"
    else
        echo "# $1 says \"$2\", pping --version says \"$version\""
        echo "not ok $1"
        failed=1
    fi
}

check pping.h "$(sed -n 's/^#define PPING_VERSION "\(.*\)"/\1/p' pping.h)"
# shellcheck disable=SC2016 # make's own variable
check makefile "$(make -s --no-print-directory --eval='print-version:; @echo $(VERSION)' print-version 2>/dev/null)"
check changelog "$(sed -n '1s/^pping (\([^)]*\)) .*/\1/p' debian/changelog)"
check man_page "$(sed -n 's/^\.TH PPING 8 "" "pping \([^"]*\)".*/\1/p' docs/pping.8)"
exit $failed
