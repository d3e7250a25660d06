// The motion of one take: every frame that was made, and the face at any time of the sound.

const MOST_FRAMES = 60 * 60 * 30;

export class Take {
  constructor({ fps, channels }) {
    this.fps = fps;
    this.channels = channels;
    this.width = channels.length;
    this.start = 0; // frames before it are forgotten
    this.end = 0;
    this.values = new Float32Array(1024 * this.width);
  }

  get frames() {
    return this.end - this.start;
  }

  /** Add frames; a gap before them is filled with the last one known. */
  add({ first, frames, values }) {
    if (this.frames + frames > MOST_FRAMES) this._forget(MOST_FRAMES / 2);
    this._reserve(first + frames - this.start);
    for (; this.end && this.end < first; this.end++) this._row(this.end).set(this._row(this.end - 1));
    this.values.set(values, (first - this.start) * this.width);
    this.end = first + frames;
  }

  /** The curves at a time in seconds: between two frames, or the last one there is. */
  at(seconds) {
    if (!this.frames) return new Float32Array(this.width);
    const place = Math.min(Math.max(seconds * this.fps, this.start), this.end - 1);
    const low = Math.floor(place);
    const before = this._row(low);
    const after = this._row(Math.min(low + 1, this.end - 1));
    return before.map((value, i) => value + (place - low) * (after[i] - value));
  }

  /** All frames, flat. */
  all() {
    return this.values.subarray(0, this.frames * this.width);
  }

  _row(frame) {
    return this.values.subarray((frame - this.start) * this.width, (frame - this.start + 1) * this.width);
  }

  _reserve(frames) {
    if (frames * this.width <= this.values.length) return;
    const larger = new Float32Array(2 * frames * this.width);
    larger.set(this.values);
    this.values = larger;
  }

  _forget(frames) {
    this.values.copyWithin(0, frames * this.width);
    this.start += frames;
  }
}
