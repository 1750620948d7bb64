# SPDX-License-Identifier: GPL-2.0-or-later
# Columns: second, then median, least, most of Gbit/s, CPU, softirq, RTTs/s.
set multiplot layout 3,1 title sprintf("%s: median of the repetitions, least to most\n ", heading)
set lmargin 12
set rmargin 4
set offsets 0.3, 0.3, graph 0.05, 0
set xtics 1
set yrange [0:*]
set key outside top center horizontal maxcols 3
set ylabel "throughput, Gbit/s"
plot for [i=0:blocks-1] data index i using ($1 + 0.04 * i):2:3:4 title columnheader(1) with yerrorlines ps 1 lt type(i)
unset key
set ylabel "CPU, % of a core\n(all: line; softirq: dashes)"
plot for [i=0:blocks-1] data index i using ($1 + 0.04 * i):5:6:7 title columnheader(1) with yerrorlines ps 1 lt type(i), \
     for [i=0:blocks-1] data index i using ($1 + 0.04 * i):8 notitle with lines dt 2 lt type(i)
set ylabel "RTTs reported, 1/s"
set xlabel "second of the run"
plot for [i=0:blocks-1] data index i using ($1 + 0.04 * i):11:12:13 title columnheader(1) with yerrorlines ps 1 lt type(i)
unset multiplot
