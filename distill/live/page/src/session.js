// One take: sound goes to the model, frames come back, and the audio clock says which is shown.

import { SAMPLE_RATE } from "./model/grid.js";
import { Microphone, Player } from "./sound/sound.js";
import { Take } from "./take.js";

const AHEAD_S = 0.5;
const PIECE = 1600;
const FEED_MS = 40;
const MEASURED = 150;
const READABLE = 60 * SAMPLE_RATE;

export class Session {
  /** `events`: onstate(state), onnotice(Notice). States: idle, waiting, live, playing. */
  constructor(manifest, events) {
    this.manifest = manifest;
    this.events = events;
    this.take = new Take(manifest);
    this.milliseconds = [];
    this.state = "idle";
  }

  /** Listen to the microphone. */
  async listen(model, choice, seed = 0) {
    await this._begin(model, choice, seed, "live", () => {
      this.sound = new Microphone((samples) => this._hear(samples), (notice) => this._fail(notice));
      return this.sound.start();
    });
  }

  /** Play a recording at 16 kHz; the model stays a little ahead of what is heard. */
  async play(model, choice, samples, seed = 0) {
    await this._begin(model, choice, seed, "playing", async (current) => {
      this.left = samples;
      const flushed = new Promise((resolve) => (this.flush = resolve));
      const player = new Player(samples, () => flushed.then(() => current() && this.stop()));
      this.sound = player;
      this.feeding = setInterval(() => this._feed(), FEED_MS);
      this._feed();
      await Promise.race([this.first, pause(2000)]);
      await player.start();
    });
  }

  /** End the take; what was made stays. */
  stop() {
    clearInterval(this.feeding);
    this.sound?.stop();
    this.sound = null;
    this.model?.stop();
    this.model = null;
    this._become("idle");
  }

  /** How much later than sound the face is, in seconds: what the model must wait for. */
  get delay_s() {
    return this.state === "live" ? this.manifest.delay_ms / 1000 : 0;
  }

  /** The time of the face in seconds: what is heard, less the delay. */
  now() {
    if (!this.sound) return this.shown ?? 0;
    this.shown = Math.max(this.sound.now() - this.delay_s, 0);
    return this.shown;
  }

  /** The sound that belongs to the picture, as a track to record. */
  track() {
    return this.sound.track(this.delay_s);
  }

  /** Begin a take; once it ends or another begins, what it still waited for counts no more. */
  async _begin(model, choice, seed, state, start) {
    this.stop();
    const take = new Take(this.manifest);
    Object.assign(this, { model, take, milliseconds: [], heard: [], sent: 0, shown: 0 });
    this.first = new Promise((resolve) => (this.began = resolve));
    this._become("waiting");
    const current = () => this.take === take && this.model === model;
    const listener = {
      onframes: (answer) => this._frames(answer),
      onerror: (error) => this._fail(error),
    };
    try {
      await model.open(choice, seed, listener);
      if (current()) await start(current);
    } catch (error) {
      if (!current()) return;
      this.stop();
      throw error;
    }
    if (current()) this._become(state);
  }

  _frames(answer) {
    this.take.add(answer);
    this.milliseconds = [...this.milliseconds, ...answer.milliseconds].slice(-MEASURED);
    this.began();
  }

  _hear(samples) {
    if (this.sent < READABLE) this.heard.push(samples.slice()); // for the readout only
    this.sent += samples.length;
    this.model?.push(samples);
  }

  _feed() {
    const aim = Math.min((this.sound.now() + AHEAD_S) * SAMPLE_RATE, this.left.length);
    while (this.sent < aim) this._hear(this.left.slice(this.sent, this.sent + PIECE));
    if (this.sent < this.left.length) return;
    clearInterval(this.feeding);
    this.model.flush().then(this.flush);
  }

  _fail(notice) {
    this.stop();
    this.events.onnotice(notice);
  }

  _become(state) {
    if (state === this.state) return;
    this.state = state;
    this.events.onstate(state);
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
