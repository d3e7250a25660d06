// Who speaks and how: `PersonaBank.persona` of distill/persona.py up to the fusion.

const mean = (rows) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

/** The point at `share` of the way from `centre` (0) to `end` (1). */
function stretch(centre, end, share) {
  return Float32Array.from(centre, (c, i) => c + share * (end[i] - c));
}

/** Identity and emotion to fuse, or null for a model without personas; null names are the centre. */
export function choose({ personas = {}, emotions = {} }, { persona, emotion, strength = 1 }) {
  if (!Object.keys(personas).length) return null;
  const voice = mean(Object.values(personas));
  const mood = emotions.neutral ?? mean(Object.values(emotions));
  return {
    identity: stretch(voice, personas[persona] ?? voice, strength),
    emotion: stretch(mood, emotions[emotion] ?? mood, strength),
  };
}
