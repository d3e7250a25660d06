// Audio thread: hands on what is heard in pieces of 20 ms, with the time of each.

const PIECE = 320;

class Tap extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(PIECE);
    this.filled = 0;
  }

  process([input]) {
    const heard = input[0];
    if (!heard) return true;
    for (const sample of heard) {
      this.piece[this.filled++] = sample;
      if (this.filled === PIECE) this._send(currentTime + heard.length / sampleRate);
    }
    return true;
  }

  _send(time) {
    this.port.postMessage({ samples: this.piece, time }, [this.piece.buffer]);
    this.piece = new Float32Array(PIECE);
    this.filled = 0;
  }
}

registerProcessor("tap", Tap);
