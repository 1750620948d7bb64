# SPDX-License-Identifier: GPL-2.0-or-later
# Columns: error in us, share of the samples.
set title "How far RTTs are off, by three witnesses"
set logscale x 10
set xlabel "difference of the RTT, us (below 0.01: drawn there)"
set ylabel "share of the samples at most so far off"
set yrange [0:1]
set key outside bottom center horizontal maxcols 2
plot for [i=0:blocks-1] data index i using 1:2 title columnheader(1) with steps lw 2 lt i+1
