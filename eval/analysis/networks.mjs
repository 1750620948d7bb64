// SPDX-License-Identifier: GPL-2.0-or-later
// Prefixes as ranges of addresses in hexadecimal digits, in which an order of strings is that of numbers.
import net from 'node:net';

// "10.0.0.0/8" -> { family: 4, lo: '0a000000', hi: '0affffff' }; null if it is none
export function range(text) {
    const [address, bits] = text.split('/');
    const family = net.isIP(address);
    const size = family === 4 ? 32 : 128;
    if (!family || !/^\d+$/.test(bits ?? String(size)) || Number(bits ?? size) > size)
        return null;
    const value = family === 4 ? number4(address) : number6(address);
    const host = (1n << BigInt(size - Number(bits ?? size))) - 1n;
    const digits = (v) => v.toString(16).padStart(size / 4, '0');
    return { family, lo: digits(value & ~host), hi: digits(value | host) };
}

function number4(address) {
    return address.split('.').reduce((value, part) => value << 8n | BigInt(part), 0n);
}

function number6(address) {
    // an IPv4 address may be its end
    const text = address.replace(/%.*/, '').replace(/(\d+\.\d+\.\d+\.\d+)$/, (v4) => {
        const v = number4(v4);
        return `${(v >> 16n).toString(16)}:${(v & 0xffffn).toString(16)}`;
    });
    const [head, tail] = text.split('::').map((half) => half ? half.split(':') : []);
    const groups = tail ? [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail] : head;
    return groups.reduce((value, group) => value << 16n | BigInt(`0x${group}`), 0n);
}
