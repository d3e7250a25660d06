// One take: sound goes to the model, frames come back, and the audio clock says which is shown.

import { SAMPLE_RATE } from "./model/grid.js";
import { Microphone, Player } from "./sound/sound.js";
import { Take } from "./take.js";

const AHEAD_S = 0.5;
const PIECE = 1600;
const FEED_MS = 40;
const MEASURED = 150;

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
    await this._begin(model, choice, seed);
    const fail = (notice) => this._fail(notice);
    this.sound = new Microphone((samples) => this._hear(samples), fail);
    await this._guard(this.sound.start(), "live");
  }

  /** Play a recording at 16 kHz; the model stays a little ahead of what is heard. */
  async play(model, choice, samples, seed = 0) {
    await this._begin(model, choice, seed);
    this.left = samples;
    const { take } = this;
    const end = () => this.take === take && this.stop();
    this.sound = new Player(samples, () => this.flushed.then(end));
    this.flushed = new Promise((resolve) => (this.flush = resolve));
    this._feed();
    this.feeding = setInterval(() => this._feed(), FEED_MS);
    await this._guard(Promise.race([this.first, pause(2000)]).then(() => this.sound?.start()), "playing");
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

  /** The time of the face in seconds: what is heard, less what the model must wait for. */
  now() {
    if (!this.sound) return this.shown ?? 0;
    const delay_s = this.state === "live" ? this.manifest.delay_ms / 1000 : 0;
    this.shown = Math.max(this.sound.now() - delay_s, 0);
    return this.shown;
  }

  async _begin(model, choice, seed) {
    this.stop();
    this._become("waiting");
    Object.assign(this, { model, take: new Take(this.manifest), milliseconds: [], heard: [] });
    this.shown = 0;
    this.first = new Promise((resolve) => (this.began = resolve));
    const listener = {
      onframes: (answer) => this._frames(answer),
      onerror: (error) => this._fail(error),
    };
    await this._guard(model.open(choice, seed, listener), "waiting");
  }

  async _guard(work, state) {
    try {
      await work;
    } catch (error) {
      this.stop();
      throw error;
    }
    if (this.model) this._become(state);
  }

  _frames(answer) {
    this.take.add(answer);
    this.milliseconds = [...this.milliseconds, ...answer.milliseconds].slice(-MEASURED);
    this.began();
  }

  _hear(samples) {
    this.heard.push(samples.slice());
    this.model?.push(samples);
  }

  _feed() {
    const aim = (this.sound.now() + AHEAD_S) * SAMPLE_RATE;
    let sent = this.heard.length * PIECE;
    for (; sent < Math.min(aim, this.left.length); sent += PIECE) {
      this._hear(this.left.slice(sent, sent + PIECE));
    }
    if (sent < this.left.length) return;
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
