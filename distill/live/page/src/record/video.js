// Picture and sound as a video file, in the best form that this browser writes.

import { Notice } from "../notice.js";

const FORMS = [
  ["video/mp4;codecs=avc1.42E01F,mp4a.40.2", "mp4"],
  ["video/mp4;codecs=avc1.42E01F,opus", "mp4"],
  ["video/mp4", "mp4"],
  ["video/webm;codecs=vp9,opus", "webm"],
  ["video/webm", "webm"],
];
const FRAMES_PER_S = 30;

/** [type, suffix] of what this browser writes, or null. */
export function form() {
  return FORMS.find(([type]) => globalThis.MediaRecorder?.isTypeSupported(type)) ?? null;
}

/** Record a canvas and a sound track of its own; `stop` gives {blob, suffix}. */
export class Video {
  constructor(canvas, track) {
    const found = form();
    if (!found) throw new Notice("This browser records no video; save a CSV or GLB.");
    [this.type, this.suffix] = found;
    const stream = canvas.captureStream(FRAMES_PER_S);
    stream.addTrack(track);
    this.recorder = new MediaRecorder(stream, { mimeType: this.type, videoBitsPerSecond: 6e6 });
    this.parts = [];
    this.recorder.ondataavailable = ({ data }) => this.parts.push(data);
    this.recorder.start(1000);
  }

  stop() {
    return new Promise((resolve) => {
      this.recorder.onstop = () => {
        for (const track of this.recorder.stream.getTracks()) track.stop();
        resolve({ blob: new Blob(this.parts, { type: this.type.split(";")[0] }), suffix: this.suffix });
      };
      this.recorder.stop();
    });
  }
}
