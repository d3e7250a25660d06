// Sound in and out. Everything runs at 16 kHz, and the audio clock is the only clock.

import { SAMPLE_RATE } from "../model/grid.js";
import { Notice } from "../notice.js";
import tapUrl from "./tap.js?url&no-inline";

const LONGEST_S = 600;
let context;

function made() {
  context ??= new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
  return context;
}

/** The one audio context, running; must be asked for by a press of a key or button. */
async function audio() {
  await made().resume();
  return context;
}

/** Load what only a microphone needs, once: later the server may be gone. */
export async function prepare() {
  if (!navigator.mediaDevices || !made().audioWorklet) {
    throw new Notice("This address may not use a microphone: open the page on localhost or https.");
  }
  context.tapped ??= context.audioWorklet.addModule(tapUrl).catch((error) => {
    context.tapped = null;
    throw new Notice("The server is gone. Start it again, or open a file.", error.message);
  });
  await context.tapped;
}

/** A microphone; `onsamples(Float32Array)` as they come, `onlost(Notice)` when it goes. */
export class Microphone {
  constructor(onsamples, onlost) {
    Object.assign(this, { onsamples, onlost });
  }

  async start() {
    await prepare();
    await audio();
    const asked = { channelCount: 1, echoCancellation: false, noiseSuppression: false };
    this.stream = await navigator.mediaDevices
      .getUserMedia({ audio: { ...asked, autoGainControl: false } })
      .catch((error) => {
        throw new Notice(REFUSALS[error.name] ?? REFUSALS.NotReadableError, error.name);
      });
    if (this.stopped) return this.stop();
    this.stream.getAudioTracks()[0].addEventListener("ended", () => this._lost());
    try {
      this.source = context.createMediaStreamSource(this.stream);
    } catch (error) {
      this.stop();
      throw new Notice("This browser cannot bring the microphone to 16 kHz; open a file.", error.name);
    }
    this.tap = new AudioWorkletNode(context, "tap", { channelCount: 1, channelCountMode: "explicit" });
    this.tap.port.onmessage = ({ data }) => {
      this.begun ??= data.time - data.samples.length / SAMPLE_RATE;
      this.onsamples(data.samples);
    };
    this.silent = new GainNode(context, { gain: 0 });
    this.source.connect(this.tap).connect(this.silent).connect(context.destination);
  }

  /** Seconds of sound that have reached the microphone. */
  now() {
    return this.begun === undefined ? 0 : context.currentTime - this.begun;
  }

  /** What a recording of a picture that is `delay_s` late sounds like. */
  track(delay_s) {
    return delayed(this.source, delay_s);
  }

  /** End for good, also while the microphone is still asked for. */
  stop() {
    this.stopped = true;
    if (this.tap) this.tap.port.onmessage = null;
    this.source?.disconnect();
    this.silent?.disconnect();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
  }

  _lost() {
    this.stop();
    this.onlost(new Notice("The microphone is gone. Plug it in or allow it, then press Microphone."));
  }
}

/** Mono samples at 16 kHz of a recording. */
export async function decode(bytes) {
  await audio();
  const buffer = await context.decodeAudioData(bytes).catch((error) => {
    throw new Notice("This file cannot be read as sound; open a wav, mp3, ogg or m4a.", error.name);
  });
  if (buffer.duration > LONGEST_S) {
    const minutes = LONGEST_S / 60;
    throw new Notice(`This file is longer than ${minutes} minutes; cut it, or use the command line.`);
  }
  const mixed = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const values = buffer.getChannelData(channel);
    for (let i = 0; i < mixed.length; i++) mixed[i] += values[i] / buffer.numberOfChannels;
  }
  return mixed;
}

/** A recording that is played; its clock is what is heard at the loudspeaker. */
export class Player {
  constructor(samples, onend) {
    Object.assign(this, { samples, onend });
  }

  async start() {
    await audio();
    if (this.stopped) return;
    const buffer = new AudioBuffer({ length: this.samples.length, sampleRate: SAMPLE_RATE });
    buffer.copyToChannel(this.samples, 0);
    this.source = new AudioBufferSourceNode(context, { buffer });
    this.source.connect(context.destination);
    this.source.onended = () => this.onend();
    this.begun = context.currentTime + 0.05;
    this.source.start(this.begun);
  }

  now() {
    if (this.begun === undefined) return 0;
    return Math.max(context.currentTime - this.begun - lag(), 0);
  }

  /** What a recording of a picture that is `delay_s` late sounds like. */
  track(delay_s) {
    return delayed(this.source, lag() + delay_s);
  }

  stop() {
    this.stopped = true;
    if (!this.source) return;
    this.source.onended = null;
    this.source.stop();
    this.source.disconnect();
  }
}

/** Seconds until the loudspeaker sounds. */
const lag = () => context.outputLatency || 0;

/** A track of what a node gives, some seconds later. */
function delayed(source, seconds) {
  const late = new DelayNode(context, { delayTime: seconds, maxDelayTime: 1 + seconds });
  const out = new MediaStreamAudioDestinationNode(context);
  source.connect(late).connect(out);
  return out.stream.getAudioTracks()[0];
}

const REFUSALS = {
  NotAllowedError: "The microphone is not allowed. Allow it beside the address, or open a file.",
  NotFoundError: "No microphone was found. Plug one in, or open a file.",
  NotReadableError: "The microphone cannot be opened; another program may hold it.",
};
