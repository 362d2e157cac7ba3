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
