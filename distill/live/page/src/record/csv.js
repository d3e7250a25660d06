// A take as a Live Link Face recording: the columns of distill/face/livelink.py.

const CODE_HZ = 60;
const EYES = ["leftEyeYaw", "leftEyePitch", "leftEyeRoll", "rightEyeYaw", "rightEyePitch", "rightEyeRoll"];
const EYE_YAW = 0.6;
const EYE_PITCH = 0.52;

const two = (number) => String(number).padStart(2, "0");
const title = (name) => name[0].toUpperCase() + name.slice(1);

function timecode(frame, fps) {
  const ticks = Math.round((frame * CODE_HZ * 1000) / fps);
  const seconds = Math.floor(ticks / (CODE_HZ * 1000));
  const part = ((ticks % (CODE_HZ * 1000)) / 1000).toFixed(3).padStart(6, "0");
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":") + `:${part}`;
}

function eyes(curve) {
  const pitch = (side) => EYE_PITCH * (curve(`eyeLookDown${side}`) - curve(`eyeLookUp${side}`));
  return [
    EYE_YAW * (curve("eyeLookInLeft") - curve("eyeLookOutLeft")), pitch("Left"), 0,
    EYE_YAW * (curve("eyeLookOutRight") - curve("eyeLookInRight")), pitch("Right"), 0,
  ];
}

/** The text of the file. */
export function csv(take) {
  const { channels, fps, width } = take;
  const values = take.all();
  const lines = [["Timecode", "BlendShapeCount", ...[...channels, ...EYES].map(title)].join(",")];
  for (let frame = 0; frame < take.frames; frame++) {
    const row = values.subarray(frame * width, (frame + 1) * width);
    const curve = (name) => row[channels.indexOf(name)] ?? 0;
    const numbers = [...row, ...eyes(curve)].map((value) => value.toFixed(10));
    lines.push([timecode(frame, fps), width + EYES.length, ...numbers].join(","));
  }
  return lines.join("\n") + "\n";
}
