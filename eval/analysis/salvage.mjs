// SPDX-License-Identifier: GPL-2.0-or-later
// What can be read of a compressed file that is damaged. A stream that is broken can't be taken up again in its middle, but files
// consist of many: zstd frames (RFC 8878), whose blocks tell their sizes, and gzip members (RFC 1952), found by how they begin.
// pping begins one every few MiB of lines. Each is read by itself, as far as it goes.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import zlib from 'node:zlib';

const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const BLOCK_MAX = 128 * 1024;
const CHUNK = 1 << 20;
// A decompressor of gzip may go on for a while before it notices: so much of its last words is not believed.
const DOUBTED = 256 * 1024;
// A member up to this size is not used before its checksum is known to be right.
const HELD = 16 * 1024 * 1024;

function at(fd, position, length) {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, fs.readSync(fd, buffer, 0, length, position));
}

// Where pattern is next, from a position on; size if nowhere.
function find(fd, pattern, from, size) {
    for (let position = from; position < size; position += CHUNK) {
        const index = at(fd, position, CHUNK + pattern.length - 1).indexOf(pattern);
        if (index >= 0)
            return position + index;
    }
    return size;
}

const begins = (fd, position) => {
    const magic = at(fd, position, 4);
    return magic.equals(ZSTD) || magic.length === 4 && (magic.readUInt32LE() & 0xfffffff0) >>> 0 === 0x184d2a50;
};

// The end of the frame that begins at a position, by its structure alone; null if it has none.
function frameEnd(fd, begin, size) {
    const head = at(fd, begin, 18);
    if (head.length < 6)
        return null;
    if (!head.subarray(0, 4).equals(ZSTD))
        return begins(fd, begin) && begin + 8 + head.readUInt32LE(4) <= size ? begin + 8 + head.readUInt32LE(4) : null;
    const flags = head[4], single = flags >> 5 & 1;
    if (flags & 8)
        return null;
    let position = begin + 5 + (single ? 0 : 1) + [0, 1, 2, 4][flags & 3] + (flags >> 6 ? 1 << (flags >> 6) : single);
    for (let last = 0; !last;) {
        const block = at(fd, position, 3);
        if (block.length < 3)
            return null;
        const word = block.readUIntLE(0, 3), kind = word >> 1 & 3, length = word >> 3;
        if (kind === 3 || length > BLOCK_MAX)
            return null;
        last = word & 1;
        position += 3 + (kind === 1 ? 1 : length);
    }
    position += flags & 4;
    return position <= size ? position : null;
}

const write = (out, data) => new Promise((resolve) => out.write(data) ? resolve() : out.once('drain', resolve));

// Through "zstd -dc"; whether it was content, and how many bytes came out.
async function unzstd(name, begin, end, out) {
    const child = spawn('zstd', ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const source = fs.createReadStream(name, { start: begin, end: end - 1 });
    child.stdin.on('error', () => source.destroy());
    source.pipe(child.stdin);
    let length = 0;
    for await (const data of child.stdout) {
        length += data.length;
        await write(out, data);
    }
    return { good: await ended === 0, length };
}

async function* zstdPieces(name, fd, size, out) {
    for (let begin = 0; begin < size;) {
        const end = frameEnd(fd, begin, size);
        const piece = await unzstd(name, begin, end ?? find(fd, ZSTD, begin + 1, size), out);
        // an end that was damaged itself has no beginning behind it
        const next = end !== null && (piece.good || begins(fd, end)) ? end : find(fd, ZSTD, begin + 1, size);
        yield { bytes: next - begin, ...piece };
        begin = next;
    }
}

const CRC = Int32Array.from({ length: 256 }, (_, i) => {
    for (let k = 0; k < 8; k++)
        i = i & 1 ? i >>> 1 ^ 0xedb88320 : i >>> 1;
    return i;
});

function crc32(data, crc) {
    for (const byte of data)
        crc = CRC[(crc ^ byte) & 255] ^ crc >>> 8;
    return crc;
}

// The length of a member's header; 0 if it is none.
function headerLength(head) {
    if (head.length < 18 || !head.subarray(0, 3).equals(GZIP) || head[3] & 0xe0)
        return 0;
    let length = 10;
    if (head[3] & 4)
        length += 2 + head.readUInt16LE(10);
    for (const text of [8, 16])
        if (head[3] & text)
            length = head.indexOf(0, length) + 1 || head.length;
    length += head[3] & 2;
    return length < head.length ? length : 0;
}

const isText = (data) => data.subarray(0, 256).every((byte) => byte >= 32 && byte < 127 || byte >= 9 && byte <= 13);

// One member; its end is null if it was not found.
async function gunzip(name, fd, begin, out) {
    const header = headerLength(at(fd, begin, 4096));
    const result = { good: false, length: 0, end: null };
    if (!header)
        return result;
    const source = fs.createReadStream(name, { start: begin + header, highWaterMark: CHUNK });
    const inflate = source.pipe(zlib.createInflateRaw({ chunkSize: 65536 }));
    let held = [], bytes = 0, crc = -1, length = 0, cut = false, error = false;
    const release = async (keep) => {
        while (held.length && bytes - held[0].length >= keep) {
            const data = held.shift();
            bytes -= data.length;
            result.length += data.length;
            await write(out, data);
        }
    };
    try {
        for await (const data of inflate) {
            if (!length && !isText(data)) {
                error = true;
                break;
            }
            crc = crc32(data, crc);
            length += data.length;
            held.push(data);
            bytes += data.length;
            await release(HELD);
        }
    } catch (problem) {
        cut = problem.code === 'Z_BUF_ERROR';
        error = true;
    }
    source.destroy();
    if (!error) {
        result.end = begin + header + inflate.bytesWritten + 8;
        const tail = at(fd, result.end - 8, 8);
        cut = tail.length < 8;
        result.good = !cut && tail.readInt32LE() === ~crc && tail.readUInt32LE(4) === length % 2 ** 32;
        await release(cut || result.good ? 0 : Infinity);
    } else {
        await release(cut ? 0 : DOUBTED);
    }
    return result;
}

async function* gzipPieces(name, fd, size, out) {
    for (let begin = 0; begin < size;) {
        const { end, ...piece } = await gunzip(name, fd, begin, out);
        const next = piece.good ? end : find(fd, GZIP, begin + 1, size);
        yield { bytes: next - begin, ...piece };
        begin = next;
    }
}

// Writes what can be read to a stream. Returns how many pieces there are, how many are damaged, and the bytes of these in the file.
export async function salvage(name, compression, out) {
    const fd = fs.openSync(name, 'r');
    const found = { pieces: 0, damaged: 0, bytes: 0 };
    let damaged = false;
    try {
        for await (const piece of (compression === 'zstd' ? zstdPieces : gzipPieces)(name, fd, fs.fstatSync(fd).size, out)) {
            // what only looks like a beginning is part of the damage before it
            const more = !piece.good && !piece.length && damaged;
            damaged = !piece.good;
            found.pieces += more ? 0 : 1;
            found.damaged += damaged && !more ? 1 : 0;
            found.bytes += damaged ? piece.bytes : 0;
            // the line that was cut ends here
            if (damaged && piece.length)
                await write(out, '\n');
        }
    } finally {
        fs.closeSync(fd);
    }
    return found;
}
