"""Counts the IPv4 packets on the loopback device that touch one /16, until SIGTERM; then prints JSON.

usage: capture.py 127.68
Needs the right to open a packet socket (root). One object: {"dropped": n, "flows": [[protocol,
source, source port, destination, destination port, packets, bytes], …]}.
"""

import ctypes
import json
import signal
import socket
import struct
import sys
import time

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_OUTGOING = 4
RECEIVE_BUFFER = 128 * 1024 * 1024
HEADERS = 96
DRAIN_SECONDS = 0.3

first, second = (int(part) for part in sys.argv[1].split("."))
network = first << 24 | second << 16


def instruction(code, jump_true, jump_false, k):
    return struct.pack("HBBI", code, jump_true, jump_false, k)


LOAD_WORD, AND, JUMP_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
# Source or destination within the network; only the headers are wanted.
program = b"".join(
    [
        instruction(LOAD_WORD, 0, 0, 12),
        instruction(AND, 0, 0, 0xFFFF0000),
        instruction(JUMP_EQUAL, 3, 0, network),
        instruction(LOAD_WORD, 0, 0, 16),
        instruction(AND, 0, 0, 0xFFFF0000),
        instruction(JUMP_EQUAL, 0, 1, network),
        instruction(RETURN, 0, 0, HEADERS),
        instruction(RETURN, 0, 0, 0),
    ]
)
buffer = ctypes.create_string_buffer(program)
filter_program = struct.pack("HL", len(program) // 8, ctypes.addressof(buffer))

capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
capture.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_program)
capture.bind(("lo", ETH_P_IP))
capture.settimeout(0.2)

stopped = None


def stop(*_):
    global stopped
    stopped = stopped or time.monotonic()


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)

flows = {}
while True:
    try:
        packet, sender = capture.recvfrom(HEADERS)
    except socket.timeout:
        if stopped:
            break
        continue
    # What came before the end is read even if it is late; a busy network is never quiet.
    if stopped and time.monotonic() > stopped + DRAIN_SECONDS:
        break
    # A packet on the loopback device is seen as it leaves and as it arrives: once is enough.
    if sender[2] == PACKET_OUTGOING or len(packet) < 20:
        continue
    header = (packet[0] & 15) * 4
    length = struct.unpack_from("!H", packet, 2)[0]
    protocol = packet[9]
    fragment = struct.unpack_from("!H", packet, 6)[0] & 0x1FFF
    ports = (0, 0)
    if protocol in (6, 17) and fragment == 0 and len(packet) >= header + 4:
        ports = struct.unpack_from("!HH", packet, header)
    flow = (protocol, packet[12:16], ports[0], packet[16:20], ports[1])
    seen = flows.setdefault(flow, [0, 0])
    seen[0] += 1
    seen[1] += length

packets, dropped = struct.unpack("II", capture.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
rows = [
    [f[0], socket.inet_ntoa(f[1]), f[2], socket.inet_ntoa(f[3]), f[4], n[0], n[1]]
    for f, n in flows.items()
]
json.dump({"dropped": dropped, "packets": packets, "flows": rows}, sys.stdout)
