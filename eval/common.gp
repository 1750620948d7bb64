# SPDX-License-Identifier: GPL-2.0-or-later
# What all figures have in common; data, blocks, types and heading are set by plot_results.sh.
# Colours that remain apart for colour-blind readers (Okabe, Ito), each with its own sign.
set linetype 1 lc rgb "#000000" lw 2 pt 7
set linetype 2 lc rgb "#0072B2" lw 2 pt 5
set linetype 3 lc rgb "#D55E00" lw 2 pt 9
set linetype 4 lc rgb "#009E73" lw 2 pt 13
set linetype 5 lc rgb "#CC79A7" lw 2 pt 11
set linetype 6 lc rgb "#E69F00" lw 2 pt 4
set linetype 7 lc rgb "#56B4E9" lw 2 pt 6
set linetype 8 lc rgb "#999999" lw 2 pt 8
set linetype 9 lc rgb "#7B3294" lw 2 pt 12
set linetype 10 lc rgb "#A6761D" lw 2 pt 3
set linetype 11 lc rgb "#1B9E77" lw 2 pt 1
set linetype 12 lc rgb "#E7298A" lw 2 pt 2
set border 3 lc rgb "#444444"
set tics nomirror
set grid ytics lc rgb "#dddddd" lw 1
set key autotitle columnhead
set datafile missing "NaN"
set autoscale noextend
# The line type of a block: a monitor has the same in all figures.
type(i) = int(word(types, i + 1))
