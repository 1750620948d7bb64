# SPDX-License-Identifier: GPL-2.0-or-later
# Columns: flows, ratio to no monitor, its interval.
set title "Throughput of an upload against no monitor: median of the pairs, 95 % bootstrap interval"
set logscale x 10
set xrange [0.6:1700]
set xtics ("1" 1, "10" 10, "100" 100, "500" 500, "1000" 1000)
set xlabel "flows"
set ylabel "ratio of throughput"
set key outside right center
set arrow from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#444444" dt 3
set arrow from graph 0, first threshold to graph 1, first threshold nohead lc rgb "#B00000" dt 2
set label sprintf("threshold %.2f", threshold) at graph 0.985, first threshold right offset 0,-0.7 tc rgb "#B00000"
set yrange [*<0.95:1.02<*]
set offsets 0, 0, graph 0.02, graph 0.05
plot for [i=0:blocks-1] data index i using 1:2:3:4 title columnheader(1) with yerrorlines ps 1.2 lt type(i)
