// Where the short windows of audio lie under motion frames: distill/audio/grid.py in integers.

export const SAMPLE_RATE = 16000;
export const FFT_SAMPLES = 512;
export const HALF_WINDOW = 200;
const BROADCAST_BASES = [24, 30, 48, 60, 120];
const LARGEST_DENOMINATOR = 1001;

/** The rate as [numerator, denominator]; 29.97 and its like mean n*1000/1001. */
export function exactFps(fps) {
  for (const base of BROADCAST_BASES) {
    if (Math.abs(fps - (base * 1000) / 1001) < 5e-3) return [base * 1000, 1001];
  }
  for (let under = 1; under <= LARGEST_DENOMINATOR; under++) {
    const over = Math.round(fps * under);
    if (Math.abs(over / under - fps) < 1e-9) return [over, under];
  }
  return [Math.round(fps * LARGEST_DENOMINATOR), LARGEST_DENOMINATOR];
}

/** How many motion frames cover `samples`. */
export function framesFor(samples, fps) {
  const [over, under] = exactFps(fps);
  return Math.max(1, Math.ceil((samples * over) / (SAMPLE_RATE * under)));
}

/** `perFrame` windows inside every motion frame. */
export class WindowGrid {
  constructor(fps, perFrame) {
    [this.over, this.under] = exactFps(fps);
    this.perFrame = perFrame;
  }

  /** The sample nearest to the centre of window `index`. */
  centre(index) {
    const step = 2 * this.perFrame * this.over;
    return Math.floor(((2 * index + 1) * SAMPLE_RATE * this.under + step / 2) / step);
  }

  /** The sample before which everything that a frame's windows weigh lies. */
  end(frame) {
    return this.centre((frame + 1) * this.perFrame - 1) + HALF_WINDOW;
  }
}
