# SPDX-License-Identifier: GPL-2.0-or-later
# Columns: second, entries, removed, ms of a pass, events lost, RTTs reported.
set multiplot layout 3,1 title sprintf("Cleaning and losses, %s: medians of the repetitions\n ", heading)
set lmargin 12
set rmargin 4
set offsets 0.3, 0.3, graph 0.05, 0
set xtics 1
set yrange [0:*]
set key outside top center horizontal maxcols 4
set ylabel "flow entries\n(seen: line; removed: dashes)"
plot for [i=0:blocks-1] data index i using 1:2 title columnheader(1) with linespoints ps 1 lt type(i), \
     for [i=0:blocks-1] data index i using 1:3 notitle with lines dt 2 lt type(i)
unset key
set ylabel "a pass, ms of CPU"
plot for [i=0:blocks-1] data index i using 1:4 title columnheader(1) with linespoints ps 1 lt type(i)
set ylabel "events, 1/s\n(reported: line; lost: dashes)"
set xlabel "second of the run"
plot for [i=0:blocks-1] data index i using 1:6 title columnheader(1) with linespoints ps 1 lt type(i), \
     for [i=0:blocks-1] data index i using 1:5 notitle with lines dt 2 lt type(i)
unset multiplot
