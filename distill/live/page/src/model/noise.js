// The noise of distill/noise.py: numpy's Philox 4x64, its float32 ziggurat, and a causal filter in time.
// Salmon et al. 2011 (Philox), Marsaglia and Tsang 2000 (ziggurat).

const BLOCK_FRAMES = 256;
const KEPT_BLOCKS = 4;
const MASK = (1n << 64n) - 1n;

/** Stream of uint32 as numpy's Philox gives it for key [seed, block]. */
class Philox {
  constructor(seed, block) {
    this.key = [BigInt.asUintN(64, BigInt(seed)), BigInt.asUintN(64, BigInt(block))];
    this.counter = 0n;
    this.words = [];
  }

  _refill() {
    this.counter += 1n;
    let [a, b, c, d] = [this.counter & MASK, this.counter >> 64n, 0n, 0n];
    let [k, l] = this.key;
    for (let round = 0; round < 10; round++) {
      const x = a * 0xd2e7470ee14c6c93n;
      const y = c * 0xca5a826395121157n;
      [a, b, c, d] = [(y >> 64n) ^ b ^ k, y & MASK, (x >> 64n) ^ d ^ l, x & MASK];
      k = (k + 0x9e3779b97f4a7c15n) & MASK;
      l = (l + 0xbb67ae8584caa73bn) & MASK;
    }
    for (const word of [d, c, b, a]) {
      this.words.push(Number(word >> 32n), Number(word & 0xffffffffn)); // taken from the end
    }
  }

  next() {
    if (!this.words.length) this._refill();
    return this.words.pop();
  }

  uniform() {
    return Math.fround((this.next() >>> 8) / 16777216);
  }
}

/** Layers of the ziggurat: widths, heights, and how much of a layer lies wholly inside. */
function layers() {
  const edge = 3.6541528853610088;
  const area = 0.00492867323399;
  const height = (x) => Math.exp(-0.5 * x * x);
  const x = new Float64Array(256);
  x[255] = edge;
  for (let i = 254; i > 0; i--) x[i] = Math.sqrt(-2 * Math.log(area / x[i + 1] + height(x[i + 1])));
  const width = Float32Array.from(x, (value) => value / 2 ** 23);
  width[0] = area / height(edge) / 2 ** 23;
  const inside = Uint32Array.from(x, (value, i) => (i > 1 ? Math.round((x[i - 1] / value) * 2 ** 23) : 0));
  inside[0] = Math.round(((edge * height(edge)) / area) * 2 ** 23);
  return { edge: Math.fround(edge), width, inside, height: Float32Array.from(x, height) };
}

export const LAYERS = layers();

/** A standard normal float32, as numpy's random_standard_normal_f. */
function normal(source) {
  const { edge, width, inside, height } = LAYERS;
  const one = Math.fround;
  for (;;) {
    const bits = source.next();
    const i = bits & 0xff;
    const rest = (bits >>> 9) & 0x7fffff;
    const size = one(rest * width[i]);
    const x = (bits >>> 8) & 1 ? -size : size;
    if (rest < inside[i]) return x;
    if (i === 0) {
      for (;;) {
        const far = one(-one(1 / 3.6541528853610088) * one(Math.log1p(-source.uniform())));
        const up = one(-one(Math.log1p(-source.uniform())));
        if (one(up + up) > one(far * far)) {
          return (rest >>> 8) & 1 ? -one(edge + far) : one(edge + far);
        }
      }
    }
    const at = one(one(one(height[i - 1] - height[i]) * source.uniform()) + height[i]);
    if (at < Math.exp(-0.5 * x * x)) return x;
  }
}

const kept = new Map();

/** Rows of a block up to `frames`; they are drawn as far as they are asked for. */
function block(seed, index, frames, channels) {
  const name = `${seed}/${index}/${channels}`;
  if (!kept.has(name)) {
    const values = new Float32Array(BLOCK_FRAMES * channels);
    kept.set(name, { source: new Philox(seed, index), values, drawn: 0 });
    if (kept.size > KEPT_BLOCKS) kept.delete(kept.keys().next().value);
  }
  const found = kept.get(name);
  while (found.drawn < frames * channels) found.values[found.drawn++] = normal(found.source);
  return found.values;
}

/** White noise of an absolute frame; frames before the start are negative. */
function white(seed, frame, channels) {
  const index = Math.floor(frame / BLOCK_FRAMES);
  const row = frame - index * BLOCK_FRAMES;
  return block(seed, index, row + 1, channels).subarray(row * channels, (row + 1) * channels);
}

/** Noise with the covariance in time of one model's motion: `MotionNoise` of distill/noise.py. */
export class MotionNoise {
  /** @param taps filter of each channel, flat (taps x channels) */
  constructor(taps, channels) {
    Object.assign(this, { taps, channels, count: taps.length / channels });
  }

  /** Noise (frames x channels, flat) from absolute frame `start` on. */
  draw(seed, start, frames) {
    const { taps, channels, count } = this;
    const out = new Float32Array(frames * channels);
    for (let frame = 0; frame < frames; frame++) {
      const sums = new Float64Array(channels);
      // In the order of Python's sums, so that the bits are the same.
      for (let j = 0; j < count; j++) {
        const row = white(seed, start + frame - j, channels);
        for (let i = 0; i < channels; i++) sums[i] += taps[j * channels + i] * row[i];
      }
      out.set(sums, frame * channels);
    }
    return out;
  }
}
