#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns a command's output into a picture: terminal-svg.py TITLE < text > picture.svg

Colours only tell kinds of lines apart: RTTs, flow events, the prompt, notes."""
import html
import re
import sys

LINE, CHAR, PAD, BAR = 19, 8.05, 14, 30
PROMPT, RTT, EVENT, NOTE = "#e8e8e8", "#9ad37d", "#d6b25e", "#8fa3b8"


def colour(line):
    if line.startswith("$ "):
        return PROMPT
    if re.match(r"\d\d:\d\d:\d\d\.\d{9} [\d.]+ ms ", line):
        return RTT
    if re.match(r"\d\d:\d\d:\d\d\.\d{9} ", line):
        return EVENT
    return NOTE


def main():
    title = sys.argv[1] if len(sys.argv) > 1 else ""
    lines = [line.rstrip("\n") for line in sys.stdin]
    width = int(max(map(len, lines), default=40) * CHAR + 2 * PAD)
    height = BAR + len(lines) * LINE + 2 * PAD
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
          f'width="{width}" height="{height}" role="img">')
    print(f"<title>{html.escape(title)}</title>")
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#1c2128"/>')
    print(f'<text x="{width // 2}" y="20" fill="#8fa3b8" text-anchor="middle" '
          f'font-family="sans-serif" font-size="12">{html.escape(title)}</text>')
    print('<g font-family="ui-monospace, DejaVu Sans Mono, monospace" font-size="13.4">')
    for i, line in enumerate(lines):
        y = BAR + PAD + i * LINE + 8
        print(f'<text x="{PAD}" y="{y}" fill="{colour(line)}" xml:space="preserve">'
              f"{html.escape(line)}</text>")
    print("</g>\n</svg>")


if __name__ == "__main__":
    main()
