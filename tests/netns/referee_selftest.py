#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of referee.py: captures made by hand, packet by packet, with the answers
known. Needs neither root nor a network."""

import contextlib
import io
import json
import os
import socket
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import referee  # noqa: E402

MS = 1_000_000
EPOCH = 1_700_000_000 * 1_000_000_000
SYN, ACK, FIN, RST, PSH = 0x02, 0x10, 0x01, 0x04, 0x08
A4, B4 = "10.0.0.1", "10.0.0.2"
A6, B6 = "fd00::1", "fd00::2"


def tcp(src, dst, tsval=None, tsecr=0, payload=0, flags=ACK, seq=1, options=None, **ip):
    """src, dst: (address, port); a packet from the IP header on"""
    if options is None:
        options = b"" if tsval is None else b"\x01\x01\x08\x0a" + struct.pack(">II", tsval, tsecr)
    header = struct.pack(
        ">HHIIBBHHH", src[1], dst[1], seq, 0, (20 + len(options)) << 2, flags, 1000, 0, 0
    )
    return ip_packet(src[0], dst[0], 6, header + options + b"x" * payload, **ip)


def echo(src, dst, kind, ident, sequence):
    protocol = 58 if ":" in src else 1
    return ip_packet(src, dst, protocol, struct.pack(">BBHHH", kind, 0, 0, ident, sequence))


def ip_packet(src, dst, protocol, body, ip_options=b"", extension=b"", length=None, fragment=0):
    if ":" in src:
        head = struct.pack(
            ">IHBB", 6 << 28, len(extension + body) if length is None else length,
            0 if extension else protocol, 64,
        )
        if extension:
            extension = bytes([protocol]) + extension[1:]
        addresses = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
        return head + addresses + extension + body
    total = 20 + len(ip_options) + len(body) if length is None else length
    head = struct.pack(
        ">BBHHHBBH", 0x45 + len(ip_options) // 4, 0, total, 0, fragment, 64, protocol, 0
    )
    return head + socket.inet_aton(src) + socket.inet_aton(dst) + ip_options + body


def ethernet(packet, tags=b""):
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return b"\x02" * 12 + tags + kind + packet


def write_pcap(path, rows, link=1, magic=0xA1B23C4D, order="<", snap=128, tags=b""):
    """rows: (time in ms, packet)"""
    unit = 1 if magic == 0xA1B23C4D else 1000
    with open(path, "wb") as file:
        file.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link))
        for time, packet in rows:
            frame = ethernet(packet, tags) if link == 1 else packet
            at = EPOCH + int(time * MS)
            seconds, rest = divmod(at, 1_000_000_000)
            captured = frame[:snap]
            file.write(struct.pack(order + "IIII", seconds, rest // unit, len(captured), len(frame)))
            file.write(captured)


class Flow:
    """rows of a capture of one flow"""

    def __init__(self, a=(A4, 1000), b=(B4, 80)):
        self.a, self.b, self.rows = a, b, []

    def there(self, time, tsval, tsecr=0, payload=0, flags=ACK, **more):
        self.rows.append((time, tcp(self.a, self.b, tsval, tsecr, payload, flags, **more)))
        return self

    def back(self, time, tsval, tsecr=0, payload=0, flags=ACK, **more):
        self.rows.append((time, tcp(self.b, self.a, tsval, tsecr, payload, flags, **more)))
        return self

    def handshake(self, time=0, a=100, b=500, isn=7):
        self.there(time, a, 0, flags=SYN, seq=isn)
        self.back(time + 1, b, a, flags=SYN | ACK)
        return self.there(time + 2, a + 2, b)


def found(rows, syn=False, **pcap):
    """[(reply time in ms, RTT in ms, identifier, from a to b?, why uncertain)]"""
    with tempfile.NamedTemporaryFile() as file:
        write_pcap(file.name, rows, **pcap)
        judge = referee.Referee(syn)
        judge.read(file.name)
    return [
        ((s.time - EPOCH) / MS, s.rtt / MS, s.identifier, s.why) for s in judge.samples
    ]


def simple():
    """a request 10 ms after the handshake, its answer after 5 ms, the ACK of that after 2 ms"""
    flow = Flow().handshake()
    flow.there(10, 110, 500, payload=100)
    flow.back(15, 515, 110, payload=200)
    return flow.there(17, 117, 515)


# --- what a sample is ----------------------------------------------------------


def request_and_answer():
    assert found(simple().rows) == [(15, 5, 110, None), (17, 2, 515, None)]


def every_capture_format():
    want = [(15, 5, 110, None), (17, 2, 515, None)]
    assert found(simple().rows, magic=0xA1B2C3D4) == want
    assert found(simple().rows, order=">") == want
    assert found(simple().rows, link=101) == want
    assert found(simple().rows, tags=b"\x81\x00\x00\x05") == want
    assert found(simple().rows, tags=b"\x88\xa8\x00\x05\x81\x00\x00\x06") == want
    for fields in ({"ip_options": b"\x94\x04\0\0"}, {}):
        flow = Flow().handshake().there(10, 110, 500, payload=9, **fields).back(15, 515, 110)
        assert found(flow.rows) == [(15, 5, 110, None)]


def ipv6():
    flow = Flow((A6, 1000), (B6, 80)).handshake()
    flow.there(10, 110, 500, payload=1, extension=b"\0" * 8).back(14, 515, 110)
    assert found(flow.rows) == [(14, 4, 110, None)]
    assert found(flow.rows, link=101) == [(14, 4, 110, None)]


def options_in_another_order():
    options = b"\x05\x0a" + b"\0" * 8 + b"\x08\x0a" + struct.pack(">II", 110, 500)
    flow = Flow().handshake()
    flow.there(10, None, payload=1, options=options).back(14, 515, 110)
    assert found(flow.rows) == [(14, 4, 110, None)]


def pure_ack_is_no_sample():
    flow = Flow().handshake().there(10, 110, 500).back(15, 515, 110, payload=1)
    assert found(flow.rows) == []


def data_in_the_tick_of_a_pure_ack():
    flow = Flow().handshake().there(10, 110, 500).there(11, 110, 500, payload=1)
    assert found(flow.back(15, 515, 110).rows) == []


def mid_stream_waits_for_an_edge():
    flow = Flow().there(0, 100, 500, payload=1).back(1, 501, 100, payload=1)
    flow.there(2, 101, 501, payload=1).back(5, 505, 101, payload=1)
    assert found(flow.rows) == [(5, 3, 101, None)]


def first_occurrence_first_answer():
    flow = Flow().handshake().there(10, 110, 500, payload=1).there(11, 110, 500, payload=1)
    flow.back(15, 515, 110).back(16, 516, 110)
    assert found(flow.rows) == [(15, 5, 110, None)]


def older_and_wrapped():
    flow = Flow().handshake(a=0xFFFFFFF0).there(10, 5, 500, payload=1)  # newer: it wrapped
    flow.there(11, 0xFFFFFFF8, 500, payload=1)  # late
    flow.back(15, 515, 0xFFFFFFF8).back(16, 516, 5)
    assert found(flow.rows) == [(16, 6, 5, None)]


def answer_needs_ack():
    flow = Flow().handshake().there(10, 110, 500, payload=1)
    flow.back(15, 515, 110, flags=PSH).back(16, 516, 110)
    assert found(flow.rows) == [(16, 6, 110, None)]


def syn_only_on_request():
    flow = Flow().handshake()
    assert found(flow.rows) == []
    assert found(flow.rows, syn=True) == [(1, 1, 100, None), (2, 1, 500, None)]


def reused_tuple():
    flow = simple().handshake(time=20, a=50, b=20, isn=9)
    flow.there(30, 60, 20, payload=1).back(33, 33, 60)
    assert found(flow.rows)[2:] == [(33, 3, 60, None)]
    again = Flow().there(0, 100, 0, flags=SYN, seq=7).there(1, 101, 0, flags=SYN, seq=7)
    again.back(2, 500, 101, flags=SYN | ACK).there(3, 102, 500, payload=1).back(4, 501, 102)
    assert found(again.rows) == [(4, 1, 102, None)]


def super_packets():
    flow = Flow().handshake().there(10, 110, 500, payload=60000).back(15, 515, 110)
    assert found(flow.rows) == [(15, 5, 110, None)]
    flow = Flow().handshake().there(10, 110, 500, payload=70000, length=0).back(15, 515, 110)
    assert found(flow.rows) == [(15, 5, 110, None)]


def ethernet_padding_is_no_data():
    flow = Flow().handshake().there(10, 110, 500)
    rows = [(t, p + b"\0" * 6) for t, p in flow.rows] + Flow().back(15, 515, 110).rows
    assert found(rows) == []


def later_fragments_are_not_read():
    flow = Flow().handshake().there(10, 110, 500, payload=1, fragment=185).back(15, 515, 110)
    assert found(flow.rows) == []


def icmp():
    for a, b, request, reply in ((A4, B4, 8, 0), (A6, B6, 128, 129)):
        rows = [
            (0, echo(a, b, request, 77, 1)),
            (3, echo(b, a, reply, 77, 1)),
            (4, echo(b, a, reply, 77, 1)),  # twice
            (10, echo(a, b, request, 77, 2)),
            (11, echo(b, a, reply, 78, 2)),  # another's
            (12, echo(b, a, reply, 77, 2)),
        ]
        assert found(rows) == [(3, 3, 1, None), (12, 2, 2, None)], found(rows)


def records_out_of_order():
    rows = simple().rows
    rows[3], rows[4] = rows[4], rows[3]
    assert found(rows) == [(15, 5, 110, None), (17, 2, 515, None)]


def uncertain_ones():
    flow = Flow().handshake().there(10, 110, 500, payload=1).there(20, 120, 500, payload=1)
    flow.back(25, 525, 120).back(26, 526, 110)
    assert found(flow.rows) == [(25, 5, 120, None), (26, 16, 110, "reordered")]
    flow = Flow().handshake().there(10, 110, 500, payload=1, flags=ACK | FIN)
    flow.back(11, 511, 102, flags=ACK | FIN, payload=1).back(15, 515, 110).there(16, 116, 511)
    assert [row[3] for row in found(flow.rows)] == ["closed", "closed"]


def truncated_is_counted():
    with tempfile.NamedTemporaryFile() as file:
        write_pcap(file.name, simple().rows, snap=60)
        judge = referee.Referee()
        judge.read(file.name)
    assert judge.truncated == 6 and not judge.samples


# --- the comparison --------------------------------------------------------------


def busy_rows(samples=400):
    """one flow, a sample each 10 ms, RTT 5 ms"""
    flow = Flow().handshake()
    for i in range(1, samples + 1):
        flow.there(10 * i, 100 + 10 * i, 500, payload=1)
        flow.back(10 * i + 5, 505, 100 + 10 * i)
    return flow.rows


def reports(samples=400, skew=0):
    return [
        {
            "timestamp": EPOCH + (10 * i + 5) * MS + skew,
            "src_ip": B4,
            "src_port": 80,
            "dest_ip": A4,
            "dest_port": 1000,
            "protocol": "TCP",
            "rtt": 5 * MS + skew,
            "min_rtt": 5 * MS,
            "match_on_egress": False,
        }
        for i in range(1, samples + 1)
    ]


def run(*args, rows=None, lines=None, text=None, **more):
    """(exit status, output) of referee.py; more: rows of --outer and --inner"""
    with tempfile.TemporaryDirectory() as tmp:
        pcap, jsonl = os.path.join(tmp, "x.pcap"), os.path.join(tmp, "x.jsonl")
        write_pcap(pcap, busy_rows() if rows is None else rows)
        with open(jsonl, "w", encoding="ascii") as file:
            for line in reports() if lines is None else lines:
                file.write(json.dumps(line) + "\n")
            file.write(text or "")
        files = ["--jsonl", jsonl] + (["--pcap", pcap] if args[0] == "compare" else [])
        for name, rows_there in more.items():
            files += ["--" + name, os.path.join(tmp, name)]
            write_pcap(files[-1], rows_there)
        out, argv = io.StringIO(), sys.argv
        sys.argv = ["referee.py", args[0], *files, *args[1:]]
        try:
            with contextlib.redirect_stdout(out):
                status = referee.main()
        finally:
            sys.argv = argv
    return status, out.getvalue()


def agreement_passes():
    status, out = run("compare", "--min-samples", "400", "--max-median-us", "10")
    assert status == 0 and "matched 400, 400 of the certain (100.000 %)" in out, out
    status, out = run("compare", lines=reports(skew=3000), rows=None)
    assert status == 0 and "median 3.00 us" in out, out


def other_records_are_ignored():
    opening = {"timestamp": EPOCH, "flow_event": "opening", "src_ip": B4}
    assert run("compare", lines=[opening, *reports()])[0] == 0


def invented_is_flagged():
    extra = dict(reports()[0], timestamp=EPOCH + 12 * MS)
    extra["rtt"] = 1 * MS
    for line in (extra, dict(reports()[7]), dict(reports()[7], dest_port=1001)):
        lines = sorted(reports() + [line], key=lambda row: row["timestamp"])
        status, out = run("compare", lines=lines)
        assert status == 1 and "FAIL: 1 invented samples" in out, out


def missed_is_flagged():
    lines = reports()
    del lines[100:103]
    status, out = run("compare", lines=lines)
    assert status == 1 and "FAIL: 99.250 % matched, not 99.5 %" in out, out
    assert run("compare", "--min-matched", "99", lines=lines)[0] == 0
    assert run("compare", "--sampled", lines=lines)[0] == 0


def wrong_rtt_is_flagged():
    for rtt in (11 * MS, 10 * MS + 100, 1):
        lines = reports()
        lines[50]["rtt"] = rtt
        status, out = run("compare", "--wrong-us", "1000", lines=lines)
        assert status == 1 and "FAIL: 1 wrong RTTs" in out and "invented 0" in out, out
    lines = reports()
    lines[50]["rtt"] += 1500 * 1000
    assert run("compare", "--wrong-us", "1000", lines=lines)[0] == 1
    assert run("compare", "--wrong-us", "2000", lines=lines)[0] == 0


def moved(a_to_b, b_to_a, rows=None):
    """rows, each direction's so many ms later"""
    a = socket.inet_aton(A4)
    return [
        (time + (a_to_b if packet[12:16] == a else b_to_a), packet)
        for time, packet in rows or busy_rows()
    ]


def longer(microseconds):
    lines = reports()
    lines[50]["rtt"] += microseconds * 1000
    return lines


def bounds_tell_a_late_tap_from_a_wrong_rtt():
    sides = {"outer": moved(-0.02, 0.02), "inner": moved(0.02, -0.02)}
    # the own tap has a packet 4.9 ms late, the program is exact all the same
    rows = busy_rows()
    data = 3 + 2 * 50
    rows[data] = (rows[data][0] + 4.9, rows[data][1])
    xdp = ["compare", "--hook", "xdp", "--tolerance-us", "100", "--wrong-us", "1000"]
    tc = ["compare", "--hook", "tc", "--tolerance-us", "100", "--wrong-us", "1000"]
    status, out = run(*xdp, rows=rows, **sides)
    assert status == 0 and "bounds: of 400 of 400" in out and "; 1 within them are" in out, out
    # without bounds it looks wrong
    assert run("compare", "--wrong-us", "1000", rows=rows)[0] == 1
    # a wrong one is told by some microseconds: the taps are 20 us apart
    for hook in (xdp, tc):
        for rtt in (-500, -45, 45, 500):
            status, out = run(*hook, lines=longer(rtt), **sides)
            assert status == 1 and "FAIL: 1 wrong RTTs" in out, out
        assert run(*hook, lines=reports(), **sides)[0] == 0
    # tc sees what comes in after the tap, XDP before it; both see what leaves before it
    assert run(*xdp, lines=longer(15), **sides)[0] == 0
    assert run(*tc, lines=longer(15), **sides)[0] == 1
    assert run(*tc, lines=longer(-35), **sides)[0] == 0
    assert run(*xdp, lines=longer(-35), **sides)[0] == 1


def few_bounds_are_flagged():
    inner = moved(0.02, -0.02)[:400]
    status, out = run("compare", inner=inner)
    assert status == 1 and "FAIL: too few have bounds" in out, out


def inexact_is_flagged():
    status, out = run("compare", "--max-median-us", "10", lines=reports(skew=11000))
    assert status == 1 and "FAIL: median error above 10.0 us" in out, out


def direction_counts():
    lines = reports()
    line = lines[50]
    line["src_ip"], line["dest_ip"] = line["dest_ip"], line["src_ip"]
    line["src_port"], line["dest_port"] = line["dest_port"], line["src_port"]
    status, out = run("compare", lines=lines)
    assert status == 1 and "1 invented samples" in out, out


def too_small_a_load_is_flagged():
    assert run("compare", "--min-samples", "401")[0] == 3
    assert run("compare", "--min-samples", "401", lines=reports()[:300])[0] == 1
    assert run("compare", rows=[], lines=[])[0] == 1
    assert run("compare", lines=[])[0] == 1
    assert run("compare", "--sampled", lines=[])[0] == 1


def margins():
    lines = reports()[10:-10]
    assert run("compare", lines=lines)[0] == 1
    status, out = run("compare", "--margin", "0.2", lines=lines)
    assert status == 0 and "39 edge" in out, out


def first_requests():
    assert run("compare", "--sampled", "--first", "80")[0] == 0
    assert run("compare", "--sampled", "--first", "80", "--min-firsts", "2")[0] == 1
    status, out = run("compare", "--sampled", "--first", "80", lines=reports()[1:])
    assert status == 1 and "0 of 1 reported" in out, out


def each_group_is_judged():
    """samples 100 to 199 are the flood's; three missing are few of all, but too many of those"""
    during = f"{EPOCH + 995 * MS}:{EPOCH + 1996 * MS}"
    args = ["compare", "--min-matched", "99", "--during", during, "--paths", f"10.9.9.9,{B4}"]
    assert run(*args)[0] == 1  # nothing of 10.9.9.9
    status, out = run(*args, "--min-group", "0")
    assert status == 0 and f"{B4} during: 101 of 101 reported" in out, out
    assert f"{B4} before: 98 of 98" in out and f"{B4} after: 201 of 201" in out, out
    lines = reports()
    del lines[120:123]
    status, out = run(*args, "--min-group", "0", lines=lines)
    assert status == 1 and f"{B4} during: 98 of 101 reported" in out, out
    begun = f"{EPOCH - MS}:{EPOCH + 100 * MS}"
    status, out = run(*args, "--min-group", "0", "--during", begun)
    assert status == 0 and f"{B4} of flows opened during: 400 of 400" in out, out


def others_are_left_out():
    other = [dict(line, src_port=81) for line in reports(5)]
    lines = sorted(reports() + other, key=lambda row: row["timestamp"])
    assert run("compare", lines=lines)[0] == 1
    status, out = run("compare", "--others", lines=lines)
    assert status == 0 and "5 RTTs of flows that are not in the capture" in out, out


def invalid_json_is_flagged():
    status, out = run("compare", text='{"timestamp": 12')
    assert status == 1 and "JSONDecodeError" in out, out


def disorder_is_flagged():
    lines = reports()
    lines[5], lines[6] = lines[6], lines[5]
    status, out = run("compare", lines=lines)
    assert status == 1 and "FAIL: lines are not in time order" in out, out


def losses_are_added_up():
    lines = reports()[:390]
    assert run("compare", "--min-matched", "90", lines=lines + lost(10))[0] == 1
    assert run("compare", "--allow-lost", lines=lines + lost(10))[0] == 0
    assert run("compare", "--allow-lost", lines=reports())[0] == 1
    status, out = run("compare", "--allow-lost", lines=lines + lost(7))
    assert status == 1 and "the count of lost events is wrong" in out, out


def lost(count):
    return [{"timestamp": EPOCH + 5000 * MS, "lost_events": count}]


def rates():
    sampled = ["rate", "--seconds", "4"]
    assert run(*sampled, "--min-per-second", "99", "--min-distance-ms", "10")[0] == 0
    assert run(*sampled, "--min-per-second", "101")[0] == 1
    assert run("rate", "--seconds", "5", "--min-per-second", "99")[0] == 1  # it stopped early
    assert run(*sampled, "--min-distance-ms", "11")[0] == 1
    assert run(*sampled, "--min-flows", "2")[0] == 1
    assert run(*sampled, "--interval-ms", "10")[0] == 0
    assert run(*sampled, "--interval-ms", "20")[0] == 1


def the_rtts():
    assert run("rtts", "--src", B4, "--least-ms", "5", "--median-ms", "5")[0] == 0
    assert run("rtts", "--src", B4, "--protocol", "tcp", "--min-count", "400")[0] == 0
    assert run("rtts", "--src", A4)[0] == 1
    assert run("rtts", "--protocol", "ICMP")[0] == 1
    assert run("rtts", "--least-ms", "5.01")[0] == 1
    assert run("rtts", "--median-ms", "4.99")[0] == 1


CASES = [
    request_and_answer,
    every_capture_format,
    ipv6,
    options_in_another_order,
    pure_ack_is_no_sample,
    data_in_the_tick_of_a_pure_ack,
    mid_stream_waits_for_an_edge,
    first_occurrence_first_answer,
    older_and_wrapped,
    answer_needs_ack,
    syn_only_on_request,
    reused_tuple,
    super_packets,
    ethernet_padding_is_no_data,
    later_fragments_are_not_read,
    icmp,
    records_out_of_order,
    uncertain_ones,
    truncated_is_counted,
    agreement_passes,
    other_records_are_ignored,
    invented_is_flagged,
    missed_is_flagged,
    wrong_rtt_is_flagged,
    bounds_tell_a_late_tap_from_a_wrong_rtt,
    few_bounds_are_flagged,
    inexact_is_flagged,
    direction_counts,
    too_small_a_load_is_flagged,
    margins,
    first_requests,
    each_group_is_judged,
    others_are_left_out,
    invalid_json_is_flagged,
    disorder_is_flagged,
    losses_are_added_up,
    rates,
    the_rtts,
]


def main():
    failed = False
    for case in CASES:
        try:
            case()
            print(f"ok referee_{case.__name__}")
        except Exception as error:  # pylint: disable=broad-except
            failed = True
            print(f"not ok referee_{case.__name__}")
            print(f"# {type(error).__name__}: {error}".replace("\n", "\n# "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
