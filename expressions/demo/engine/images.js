// Pixels (3, side, side) in [-1, 1] as an ImageData, each at the nearest of 256 levels, as expressions/images.py.
export function toImage(pixels) {
  const area = pixels.length / 3;
  const image = new ImageData(Math.sqrt(area), Math.sqrt(area));
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * at + channel] = (pixels[channel * area + at] + 1) * 127.5; // the array rounds and clips
    }
    image.data[4 * at + 3] = 255;
  }
  return image;
}

// An ImageData as the bytes of a PNG, `side` pixels wide.
export async function toPng(image, side = image.width) {
  const canvas = new OffscreenCanvas(image.width, image.width);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const shown = side === image.width ? canvas : resized(canvas, side);
  return new Uint8Array(await (await shown.convertToBlob({ type: "image/png" })).arrayBuffer());
}

function resized(canvas, side) {
  const other = new OffscreenCanvas(side, side);
  const context = other.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, side, side);
  return other;
}

export const urlOf = (png) => new FileReaderSync().readAsDataURL(new Blob([png], { type: "image/png" }));

export const toUrl = async (image) => urlOf(await toPng(image));
