// The pixels of a screenshot: 8 bits, RGB or RGBA, not interlaced, as Chromium writes them.

import { inflateSync } from 'node:zlib';
import type { Box } from '../model/layout';

export interface Pixels {
  width: number;
  height: number;
  at: (x: number, y: number) => [number, number, number];
}

export function pixels(png: Buffer): Pixels {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const channels = png[25] === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') {
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
    }
  }
  const raw = inflateSync(Buffer.concat(parts));
  const row = width * channels;
  const plain = Buffer.alloc(height * row);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const left = x < channels ? 0 : plain[y * row + x - channels];
      const up = y === 0 ? 0 : plain[(y - 1) * row + x];
      const corner = y === 0 || x < channels ? 0 : plain[(y - 1) * row + x - channels];
      plain[y * row + x] = raw[y * (row + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    }
  }
  return { width, height, at: (x, y) => [0, 1, 2].map((channel) => plain[y * row + x * channels + channel]) as [number, number, number] };
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** How many pixels of a box are neither black, white nor grey. */
export function coloured(image: Pixels, { left, top, width, height }: Box): number {
  let found = 0;
  for (let y = Math.ceil(top); y < Math.min(image.height, top + height); y++) {
    for (let x = Math.ceil(left); x < Math.min(image.width, left + width); x++) {
      const colour = image.at(x, y);
      found += Math.max(...colour) - Math.min(...colour) > 60 ? 1 : 0;
    }
  }
  return found;
}
