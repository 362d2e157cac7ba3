// Files that leave the page, with the mark that xmp.py describes: pictures as PNG, loops as animated PNG
// (https://www.w3.org/TR/png-3/).
import { toPng, urlOf } from "./images.js";

const HEAD = 33; // bytes before the pixels of a PNG: its signature, and the chunk that tells its size
const FRAME = 60; // milliseconds of a loop's picture
const REST = 600; // milliseconds of its first and last

const bytes = (text) => new TextEncoder().encode(text);
const joined = async (parts) => new Uint8Array(await new Blob(parts).arrayBuffer());

// Big-endian, four bytes or, where a size says so, two.
const numbers = (...given) =>
  Uint8Array.from(given.flatMap(([value, size = 4]) => [24, 16, 8, 0].slice(4 - size).map((shift) => value >>> shift)));

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

const checksum = (data) => ~data.reduce((sum, byte) => (sum >>> 8) ^ CRC[(sum ^ byte) & 255], -1) >>> 0;

async function chunk(type, ...parts) {
  const body = await joined([bytes(type), ...parts]);
  return joined([numbers([body.length - 4]), body, numbers([checksum(body)])]);
}

// The chunk that holds an XMP packet: uncompressed text, in no language.
const mark = (packet) => chunk("iTXt", bytes("XML:com.adobe.xmp\0\0\0\0\0"), bytes(packet));

export async function markedPng(image, side, packet) {
  const png = await toPng(image, side);
  return urlOf(await joined([png.slice(0, HEAD), await mark(packet), png.slice(HEAD)]));
}

// The contents of a PNG's chunks of pixels.
function pixelsOf(png) {
  const view = new DataView(png.buffer);
  const parts = [];
  for (let at = HEAD; at < png.length; at += 12 + view.getUint32(at)) {
    const type = new TextDecoder().decode(png.slice(at + 4, at + 8));
    if (type === "IDAT") parts.push(png.slice(at + 8, at + 8 + view.getUint32(at)));
  }
  return parts;
}

// Through the images and back, for ever.
export async function loop(images, packet) {
  const there = [];
  for (const image of images) there.push(await toPng(image));
  const frames = [...there, ...there.slice(1, -1).reverse()];
  const side = images[0].width;
  const parts = [there[0].slice(0, HEAD), await mark(packet), await chunk("acTL", numbers([frames.length], [0]))];
  let sequence = 0;
  for (const [number, frame] of frames.entries()) {
    const duration = number === 0 || number === images.length - 1 ? REST : FRAME;
    const place = numbers([sequence++], [side], [side], [0], [0], [duration, 2], [1000, 2], [0, 2]);
    parts.push(await chunk("fcTL", place)); // the last two bytes: each frame replaces the one before
    const pixels = await joined(pixelsOf(frame));
    parts.push(await (number ? chunk("fdAT", numbers([sequence++]), pixels) : chunk("IDAT", pixels)));
  }
  return urlOf(await joined([...parts, await chunk("IEND")]));
}
