// Live curves: a few rows that tell what the face does, six seconds of each.

const SECONDS = 6;
const STEPS = 180;
const PREFERRED = [
  ["Jaw", "jawOpen", 1],
  ["Lips shut", "mouthClose", 1],
  ["Round", "mouthFunnel", 1],
  ["Smile", "mouthSmileLeft", 1],
  ["Brows", "browInnerUp", 1],
  ["Blink", "eyeBlinkLeft", 1],
  ["Turn", "headYaw", 0],
];

export class Curves {
  constructor(place, channels) {
    const known = PREFERRED.filter(([, channel]) => channels.includes(channel));
    const rows = known.length ? known : channels.slice(0, 7).map((name) => [name, name, 1]);
    this.rows = rows.map(([label, channel, shape]) => {
      const row = document.createElement("li");
      const text = document.createElement("span");
      const canvas = document.createElement("canvas");
      text.textContent = label;
      row.append(text, canvas);
      return { row, canvas, shape, index: channels.indexOf(channel) };
    });
    place.replaceChildren(...this.rows.map(({ row }) => row));
  }

  /** Draw the last seconds before `now`, unless nothing has changed. */
  draw(take, now) {
    const { color: ink } = getComputedStyle(this.rows[0].canvas);
    const seen = [take.end, now, ink, this.rows[0].canvas.clientWidth].join();
    if (seen === this.seen) return;
    this.seen = seen;
    const history = Array.from({ length: STEPS }, (_, i) => {
      const time = now - SECONDS * (1 - i / (STEPS - 1));
      return time < 0 ? null : take.at(time);
    });
    for (const { canvas, index, shape } of this.rows) {
      plot(canvas, history.map((values) => values?.[index]), shape, ink);
    }
  }
}

function plot(canvas, values, shape, ink) {
  const sharp = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * sharp, canvas.clientHeight * sharp].map(Math.round);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.beginPath();
  let drawn = false;
  values.forEach((value, i) => {
    if (value === undefined) return;
    const share = shape ? value : 0.5 + value;
    const x = (i / (values.length - 1)) * width;
    const y = height - sharp - Math.min(Math.max(share, 0), 1) * (height - 2 * sharp);
    pen[drawn ? "lineTo" : "moveTo"](x, y);
    drawn = true;
  });
  pen.lineWidth = 1.5 * sharp;
  pen.lineJoin = "round";
  pen.strokeStyle = ink;
  pen.stroke();
}
