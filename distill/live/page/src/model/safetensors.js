// A float32 array out of a safetensors file: 8 bytes for the length of a JSON header, then the data.

export function readTensor(buffer, name) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const { dtype, data_offsets: [from, to] } = header[name];
  if (dtype !== "F32") throw new Error(`${name} is of type ${dtype}, not F32`);
  return new Float32Array(buffer.slice(8 + size + from, 8 + size + to));
}
