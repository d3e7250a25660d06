// What tests and scripts may read: `window.facedistill`.

/** Offer the page's numbers under `window.facedistill`. */
export function expose(page) {
  window.facedistill = {
    /** idle, waiting, live or playing; undefined until the page is ready. */
    get state() {
      return page.shown && page.session.state;
    },
    /** Opening of the lips on the screen, in the rig's unit. */
    get gap() {
      return page.gap;
    },
    /** {now, curves}: the time and the curves on the screen. */
    get shown() {
      return { now: page.shown.now, curves: Array.from(page.shown.curves) };
    },
    get figures() {
      const { rate, p50, p95 } = page.figures;
      return { rate, p50, p95, delay_ms: page.manifest.delay_ms };
    },
    get threads() {
      return page.models.tab?.then((model) => model.threads);
    },
    /** Frames of the take so far. */
    get frames() {
      return page.session.take.frames;
    },
    /** The take so far: frames x channels, and the first minute of the sound that made it. */
    take() {
      const { take, heard = [] } = page.session;
      return {
        channels: take.channels, frames: take.frames, values: Array.from(take.all()),
        samples: heard.flatMap((piece) => Array.from(piece)),
      };
    },
    /** Opening of the lips in every frame of the take. */
    gaps() {
      const { take } = page.session;
      return Array.from({ length: take.frames }, (_, frame) => {
        const row = take.at((take.start + frame) / take.fps);
        return page.head.shape((name) => row[take.channels.indexOf(name)] ?? 0);
      });
    },
  };
}
