// Skin tone measured on the cheeks, as expressions/skin.py does: degrees of the Individual Typology Angle.
const SIDE = 64;
const XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]];
const WHITE = [0.95047, 1.0, 1.08883]; // D65

// sRGB in [0, 1] -> [L*, a*, b*].
function lab(rgb) {
  const linear = rgb.map((level) => (level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4));
  const [x, y, z] = XYZ.map((row, at) => {
    const part = (row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / WHITE[at];
    return part > (6 / 29) ** 3 ? Math.cbrt(part) : part / (3 * (6 / 29) ** 2) + 4 / 29;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

// Of pixels (3, 64, 64) in [-1, 1]; `cheeks` are [top, bottom, left, right] of each. The lighter half of them counts.
export function typologyAngle(pixels, cheeks) {
  const seen = [];
  for (const [top, bottom, left, right] of cheeks) {
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const at = row * SIDE + column;
        seen.push(lab([0, 1, 2].map((channel) => (pixels[channel * SIDE * SIDE + at] + 1) / 2)));
      }
    }
  }
  const lightest = seen.sort((a, b) => b[0] - a[0]).slice(0, seen.length >> 1);
  const [lightness, , yellowness] = [0, 1, 2].map((at) => lightest.reduce((sum, l) => sum + l[at], 0) / lightest.length);
  return (Math.atan2(lightness - 50, Math.max(yellowness, 1)) * 180) / Math.PI;
}
